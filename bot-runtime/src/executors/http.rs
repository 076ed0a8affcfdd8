//! Calls of HTTP services, through the guard of [`botbuilder_service::http`]. Redirects are followed, each through the
//! guard again.

use std::{collections::BTreeMap, time::Duration};

use botbuilder_flow::{Answer, AskFailure, HttpMethod, HttpRequest, Value};
use botbuilder_service::http::{Client, Error, Request, Response};
use http::{HeaderName, Method, StatusCode, header};
use url::Url;

/// Largest body that a flow is given, in bytes.
const BODY_MAX: usize = 128 * 1_024;
/// Most headers that a flow is given, and the longest of their values.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 2_048;
/// Most redirects of a call.
const REDIRECTS_MAX: usize = 3;

/// Calls a service, all its redirects within the time. The answer says what went wrong in words that hold neither the address nor a secret.
pub(super) async fn call(client: &Client, request: &HttpRequest, seconds: u32, key: &str) -> Answer {
    let time = Duration::from_secs(seconds.into());
    match tokio::time::timeout(time, follow(client, request, time, key)).await {
        Ok(Ok(response)) => read(&response),
        Ok(Err(error)) => Answer::Failed { failure: failure(&error) },
        Err(_) => Answer::Failed { failure: AskFailure::TimedOut },
    }
}

/// Sends a request, and again where it is sent on. A redirect too many is the answer.
async fn follow(
    client: &Client,
    request: &HttpRequest,
    time: Duration,
    key: &str,
) -> Result<Response, Error> {
    let mut response = client.send(build(request, key)?.timeout(time)).await?;
    let mut next = redirected(request, &response);
    for _ in 0..REDIRECTS_MAX {
        let Some(request) = next else { break };
        response = client.send(build(&request, key)?.timeout(time)).await?;
        next = redirected(&request, &response);
    }
    Ok(response)
}

/// The request that a redirect leads to. None where it is none, or leads where we do not go: from `https` to `http`, or
/// to an address with a user in it. Another site is not told what the headers hold.
fn redirected(request: &HttpRequest, response: &Response) -> Option<HttpRequest> {
    let keeps = match response.status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::SEE_OTHER => false,
        // As everybody does: a form that was posted is not posted again.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method != HttpMethod::Post,
        _ => return None,
    };
    let from = Url::parse(&request.url).ok()?;
    let to = from.join(response.headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
    let is_weaker = from.scheme() == "https" && to.scheme() != "https";
    if is_weaker || !to.username().is_empty() || to.password().is_some() {
        return None;
    }
    let mut next = HttpRequest { url: to.to_string(), ..request.clone() };
    if !keeps {
        next.method = HttpMethod::Get;
        next.body = None;
        next.headers.remove("content-type");
    }
    if from.origin() != to.origin() {
        // Nor is it sent a body with a secret in it.
        if next.body.is_some() && request.gaps.iter().any(|gap| gap.header.is_none()) {
            return None;
        }
        next.headers.retain(|name, _| ["accept", "accept-language", "content-type"].contains(&name.as_str()));
    }
    Some(next)
}

fn build(request: &HttpRequest, key: &str) -> Result<Request, Error> {
    let method = match request.method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
    };
    let mut built = Request::new(method, &request.url)?;
    if let Some(body) = &request.body {
        // The type among the headers takes the place of this one.
        built = built.body("application/octet-stream", body.clone());
    }
    for (name, value) in &request.headers {
        // The definition was checked: its names are tokens.
        if let Ok(name) = HeaderName::try_from(name.as_str()) {
            built = built.header(name, value)?;
        }
    }
    built.header(HeaderName::from_static("idempotency-key"), key)
}

fn read(response: &Response) -> Answer {
    if response.body.len() > BODY_MAX {
        return Answer::Failed { failure: AskFailure::TooLarge };
    }
    let Ok(text) = std::str::from_utf8(&response.body) else {
        return Answer::Failed { failure: AskFailure::Unreadable };
    };
    let body = match serde_json::from_str(text) {
        Ok(json) => match Value::from_json(&json) {
            Some(value) => value,
            None => return Answer::Failed { failure: AskFailure::TooLarge },
        },
        Err(_) => Value::text(text),
    };
    let headers: BTreeMap<String, String> = response
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(name, value)| name != "set-cookie" && value.len() <= HEADER_BYTES_MAX)
        .take(HEADERS_MAX)
        .collect();
    Answer::Http { status: response.status.as_u16(), headers, body }
}

fn failure(error: &Error) -> AskFailure {
    match error {
        Error::Refused(_) | Error::Header(_) | Error::Setup(_) => AskFailure::Refused,
        Error::Connect(_) | Error::Broken(_) => AskFailure::Unreachable,
        Error::Timeout => AskFailure::TimedOut,
        Error::TooLarge { .. } => AskFailure::TooLarge,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn response(body: impl Into<Vec<u8>>) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("x-id", "7".parse().unwrap());
        headers.insert(header::SET_COOKIE, "session=secret".parse().unwrap());
        headers.insert("x-long", "a".repeat(HEADER_BYTES_MAX + 1).parse().unwrap());
        Response { status: StatusCode::CREATED, headers, body: body.into().into() }
    }

    #[test]
    fn an_answer_holds_what_the_body_says_and_no_cookies() {
        let Answer::Http { status, headers, body } = read(&response(r#"{"a":[1]}"#)) else {
            panic!("no answer")
        };
        assert_eq!((status, body.field("a").at(&Value::Number(0.0))), (201, Value::Number(1.0)));
        assert_eq!(headers, BTreeMap::from([("x-id".to_owned(), "7".to_owned())]));
        let Answer::Http { body, .. } = read(&response("plain {")) else { panic!("no answer") };
        assert_eq!(body, Value::text("plain {"));
    }

    #[test]
    fn a_redirect_is_followed_where_it_may_lead() {
        let request = HttpRequest {
            method: HttpMethod::Post,
            url: "https://api.example.org/a?b".to_owned(),
            headers: BTreeMap::from(
                [("authorization", "secret"), ("content-type", "application/json"), ("accept", "a/b")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
            body: Some("{}".to_owned()),
            ..HttpRequest::default()
        };
        let to = |status: u16, location: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            let status = StatusCode::from_u16(status).unwrap();
            redirected(&request, &Response { status, headers, body: Vec::new().into() })
        };
        let moved = to(307, "/c").unwrap();
        assert_eq!(moved, HttpRequest { url: "https://api.example.org/c".to_owned(), ..request.clone() });
        let got = to(303, "//api.example.org/d").unwrap();
        assert_eq!((got.method, got.body, got.headers.len()), (HttpMethod::Get, None, 2));
        let elsewhere = to(308, "https://other.example/").unwrap();
        assert!(!elsewhere.headers.contains_key("authorization") && elsewhere.body.is_some());
        for location in
            ["http://api.example.org/", "https://user@api.example.org/", "ftp://a.example/", "https://["]
        {
            assert_eq!(to(302, location), None, "{location}");
        }
        assert_eq!(to(200, "/c"), None);
        assert_eq!(to(304, "/c"), None);
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let failed = |failure| Answer::Failed { failure };
        assert_eq!(read(&response(vec![b'a'; BODY_MAX + 1])), failed(AskFailure::TooLarge));
        assert_eq!(read(&response("[".repeat(40) + &"]".repeat(40))), failed(AskFailure::TooLarge));
        assert_eq!(read(&response([0xff, 0xfe])), failed(AskFailure::Unreadable));
    }

    #[test]
    fn a_request_that_cannot_be_written_is_refused() {
        let request = |url: &str, value: &str| HttpRequest {
            method: HttpMethod::Post,
            url: url.to_owned(),
            headers: BTreeMap::from([("x-note".to_owned(), value.to_owned())]),
            body: Some("{}".to_owned()),
            ..HttpRequest::default()
        };
        for (url, value) in [("nowhere", "a"), ("https://example.org", "a\r\nhost: b")] {
            let error = build(&request(url, value), "key").err().expect("refused");
            assert_eq!(failure(&error), AskFailure::Refused, "{url}");
        }
        assert!(build(&request("https://example.org", "a"), "key").is_ok());
    }
}
