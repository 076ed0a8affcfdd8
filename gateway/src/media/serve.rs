//! `GET /media/{token}`: a file, to whoever has a link that is still good.

use std::fmt::Write as _;

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use botbuilder_media::{Found, Range, kind, links::Link};
use chrono::{DateTime, Utc};
use tracing::warn;

use super::owned::{self, Owned};
use crate::Gateway;

/// Nothing in a file may run, load or be framed with a life of its own.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The routes of files.
pub fn routes() -> Router<Gateway> {
    Router::new().route("/media/{token}", get(serve))
}

async fn serve(State(gateway): State<Gateway>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    let now = gateway.clock.now();
    let link = match gateway.media.open_link(&token, now) {
        Some(link) => link,
        None => match of_message(&gateway, &token, now).await {
            Ok(link) => link,
            Err(answer) => return answer,
        },
    };
    let tag = format!("\"{}\"", link.sha256);
    let seen = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if seen.is_some_and(|seen| seen.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return described(StatusCode::NOT_MODIFIED.into_response(), &link, &tag, now.timestamp());
    }
    let asked = asked(&headers, &tag);
    let found = match asked {
        None => gateway.media.read(link.org, &link.sha256, None).await,
        Some(part) => match gateway.media.size(link.org, &link.sha256).await {
            Ok(Some(size)) => match part.within(size) {
                Some(range) => gateway.media.read(link.org, &link.sha256, Some(range)).await,
                None => return unsatisfiable(size),
            },
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
    };
    match found {
        Ok(Some(found)) => described(body(found, asked.is_some()), &link, &tag, now.timestamp()),
        Ok(None) => (StatusCode::NOT_FOUND, "the file is not there any more\n").into_response(),
        Err(error) => {
            warn!(error = %error, "file cannot be read");
            let retry = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, retry, "try again in a moment\n").into_response()
        }
    }
}

/// What a link to a file of a message leads to, or why it leads nowhere (yet).
async fn of_message(gateway: &Gateway, token: &str, now: DateTime<Utc>) -> Result<Link, Response> {
    let gone = |words: &'static str| (StatusCode::NOT_FOUND, words).into_response();
    let again = || {
        let retry = [(header::RETRY_AFTER, "1")];
        (StatusCode::SERVICE_UNAVAILABLE, retry, "the file is on its way; try again in a moment\n")
            .into_response()
    };
    let Some(asked) = gateway.media.open_message_link(token, now) else {
        return Err(gone("the link is not good, or not any more\n"));
    };
    match owned::of_message(gateway, asked).await {
        Ok(Owned::Kept { sha256, mime_type, name }) => {
            Ok(Link { org: asked.org, sha256, mime_type, name, end: asked.end })
        }
        Ok(Owned::Awaited) => Err(again()),
        Ok(Owned::Gone) => Err(gone("the file was not to be had, or is not there any more\n")),
        Err(error) => {
            warn!(error = %error, "file of a message cannot be looked up");
            Err(again())
        }
    }
}

fn body(found: Found, is_part: bool) -> Response {
    let length = found.last.saturating_sub(found.first) + 1;
    let span = format!("bytes {}-{}/{}", found.first, found.last, found.size);
    let mut response = Response::new(Body::from_stream(found.body));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if is_part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        put(response.headers_mut(), header::CONTENT_RANGE, &span);
    }
    response
}

fn unsatisfiable(size: u64) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    put(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

/// The headers every answer with a file has.
fn described(mut response: Response, link: &Link, tag: &str, now: i64) -> Response {
    let kind = link.mime_type.as_deref().unwrap_or(kind::UNKNOWN);
    let shown = kind::may_be_shown(kind);
    let headers = response.headers_mut();
    // What a browser would run is handed over as bytes.
    let kind = if shown || kind::may_be_uploaded(kind) { kind } else { kind::UNKNOWN };
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    put(headers, header::CONTENT_TYPE, &kind);
    put(headers, header::CONTENT_DISPOSITION, &disposition(shown, link.name.as_deref()));
    put(headers, header::ETAG, tag);
    put(headers, header::CACHE_CONTROL, &format!("private, immutable, max-age={}", (link.end - now).max(0)));
    for (name, value) in [
        (header::ACCEPT_RANGES, "bytes"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        // Sites show the chat's pictures; whoever has the link may read the file anyway.
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn put(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Shown or saved, and under which name: RFC 6266, the name in UTF-8 and percent signs.
fn disposition(shown: bool, name: Option<&str>) -> String {
    let how = if shown { "inline" } else { "attachment" };
    let Some(name) = name.and_then(kind::name) else { return how.to_owned() };
    let mut written = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            written.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _written = write!(written, "%{byte:02X}");
        }
    }
    format!("{how}; filename*=UTF-8''{written}")
}

/// Which part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    From {
        first: u64,
        last: Option<u64>,
    },
    /// So many bytes at the end.
    Last(u64),
}

impl Part {
    /// The part of a file of that size; none if it has nothing of it.
    fn within(self, size: u64) -> Option<Range> {
        match self {
            Self::From { first, last } if first < size => {
                Some(Range { first, last: last.map(|last| last.min(size - 1)) })
            }
            Self::Last(count) if count > 0 && size > 0 => {
                Some(Range { first: size.saturating_sub(count), last: None })
            }
            Self::From { .. } | Self::Last(_) => None,
        }
    }
}

/// Reads `Range` (RFC 9110, 14.2); it does not count if `If-Range` names another file. Several parts at once, or other
/// units, are answered with everything, as a server that knows no ranges does.
fn asked(headers: &HeaderMap, tag: &str) -> Option<Part> {
    if headers.get(header::IF_RANGE).is_some_and(|value| value != tag) {
        return None;
    }
    headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(part)
}

fn part(text: &str) -> Option<Part> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => Some(Part::Last(number(last)?)),
        (first, "") => Some(Part::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Part::From { first, last: Some(last) })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_part_is_read_as_the_standard_writes_it() {
        assert_eq!(part("bytes=0-9"), Some(Part::From { first: 0, last: Some(9) }));
        assert_eq!(part("bytes=5-"), Some(Part::From { first: 5, last: None }));
        assert_eq!(part("bytes=-3"), Some(Part::Last(3)));
        for other in ["bytes=0-1,3-4", "lines=0-1", "bytes=9-0", "bytes=-", "bytes=+1-2", "bytes=", ""] {
            assert_eq!(part(other), None, "{other}");
        }
        assert_eq!(Part::Last(30).within(10), Some(Range { first: 0, last: None }));
        assert_eq!(Part::From { first: 10, last: None }.within(10), None);
        assert_eq!(
            Part::From { first: 9, last: Some(99) }.within(10),
            Some(Range { first: 9, last: Some(9) })
        );
        assert_eq!(Part::Last(0).within(10), None);
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(disposition(true, None), "inline");
        assert_eq!(disposition(false, Some("a \"b\".pdf")), "attachment; filename*=UTF-8''a%20%22b%22.pdf");
        assert_eq!(disposition(true, Some("ü\r\n.png")), "inline; filename*=UTF-8''%C3%BC.png");
    }

    proptest! {
        #[test]
        fn no_range_does_harm(text in ".{0,40}", size in 0_u64..50) {
            if let Some(range) = part(&text).and_then(|part| part.within(size)) {
                prop_assert!(range.first < size && range.last.is_none_or(|last| last < size && last >= range.first));
            }
        }
    }
}
