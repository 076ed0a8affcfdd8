//! Calls an HTTP service and keeps what it answers.
//!
//! ```json
//! {"id": "look_up", "type": "api_call", "data": {
//!   "method": "POST", "url": "https://api.example.org/orders/{{ order }}",
//!   "query": {"language": "{{ contact.locale }}"}, "headers": {"authorization": "Bearer {{ secret.shop_key }}"},
//!   "json": {"items": "{{ items }}", "note": "for {{ contact.name }}"},
//!   "timeout_seconds": 5,
//!   "save": {"status": "response.body.status", "first": "response.body.items[0].name"}}}
//! ```
//!
//! What fills a place in `url` behind its beginning, and in `query`, is escaped. The body is `json`, in which a text
//! that is one tag keeps the kind of its value, or `body`, a text, with `content_type`. `save` names variables and
//! expressions over `response`: `response.status`, `response.headers.x`, `response.body` (what it holds if it is JSON,
//! else its text). They are set whatever the status is. The call carries an `idempotency-key`, the same when it has to
//! be made again. Secret variables may stand in every part of the request. `{{ secret.NAME }}`, alone in its tag, stands for
//! a secret of the bot or its organization, in headers and the body: the flow never knows what it holds.
//!
//! Ports: `next` (status 2xx), `failed` (any other status; else `error`), `error` (no answer).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{About, Asking, Behaviour, Port, Role};
use crate::{
    Value,
    expression::{Expression, url_encode},
    question::{Answer, Ask, Gap, HttpMethod, HttpRequest},
    request_template::{Filled, RequestJson, RequestTemplate},
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Longest time of a call, in seconds.
pub(super) const SECONDS_MAX: u32 = 25;
/// The time of a call that names none.
pub(super) const SECONDS: u32 = 10;
/// Most headers, parts of the query, or variables.
const NAMES_MAX: usize = 30;
/// What the transport sets itself.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "idempotency-key",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiCall {
    #[serde(default)]
    method: HttpMethod,
    url: Template,
    #[serde(default)]
    query: BTreeMap<String, Template>,
    #[serde(default)]
    headers: BTreeMap<String, RequestTemplate>,
    json: Option<RequestJson>,
    body: Option<RequestTemplate>,
    content_type: Option<String>,
    timeout_seconds: Option<u32>,
    #[serde(default)]
    save: BTreeMap<String, Expression>,
}

impl ApiCall {
    fn request(&self, turn: &mut Turn<'_>) -> Result<HttpRequest, Failure> {
        let mut url = turn.render_url(&self.url)?;
        for (name, value) in &self.query {
            url.push(if url.contains('?') { '&' } else { '?' });
            let value = turn.render(value)?;
            url.push_str(&url_encode(name));
            url.push('=');
            url.push_str(&url_encode(&value));
        }
        let mut request = HttpRequest { method: self.method, url, ..HttpRequest::default() };
        fill_headers(&mut request, &self.headers, turn)?;
        let (filled, kind) = match (&self.json, &self.body) {
            (Some(json), _) => (json.fill(turn)?, "application/json"),
            (None, Some(text)) => {
                let mut filled = Filled::default();
                text.fill(turn, &mut filled)?;
                (filled, self.content_type.as_deref().unwrap_or("text/plain; charset=utf-8"))
            }
            (None, None) => return Ok(request),
        };
        request.headers.entry("content-type".to_owned()).or_insert_with(|| kind.to_owned());
        request.gaps.extend(filled.gaps);
        request.body = Some(filled.text);
        Ok(request)
    }
}

/// Sets the headers of a request.
pub(super) fn fill_headers(
    request: &mut HttpRequest,
    headers: &BTreeMap<String, RequestTemplate>,
    turn: &mut Turn<'_>,
) -> Result<(), Failure> {
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let mut filled = Filled::default();
        value.fill(turn, &mut filled)?;
        let gaps = filled.gaps.into_iter().map(|gap| Gap { header: Some(name.clone()), ..gap });
        request.gaps.extend(gaps);
        request.headers.insert(name, filled.text);
    }
    Ok(())
}

impl ApiCall {
    /// Sets the variables of `save`.
    fn keep(&self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        for (name, expression) in &self.save {
            let value = turn.evaluate(expression)?;
            turn.set(name, value)?;
        }
        Ok(())
    }
}

/// What is wrong with the headers of a request.
pub(super) fn check_headers(headers: &BTreeMap<String, RequestTemplate>) -> Vec<String> {
    let is_token = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let mut faults: Vec<String> = headers
        .keys()
        .filter(|name| !is_token(name) || OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()))
        .map(|name| format!("the header `{name}` cannot be set"))
        .collect();
    if headers.len() > NAMES_MAX {
        faults.push(format!("there are more than {NAMES_MAX} headers"));
    }
    faults
}

/// What is wrong with the time of a question.
pub(super) fn check_time(seconds: Option<u32>) -> Option<String> {
    let wrong = seconds.is_some_and(|seconds| seconds == 0 || seconds > SECONDS_MAX);
    wrong.then(|| format!("`timeout_seconds` is not between 1 and {SECONDS_MAX}"))
}

impl Behaviour for ApiCall {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next"), Port::optional("failed")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        let address = [&self.url].into_iter().chain(self.query.values());
        address.for_each(|template| template.variables(&mut about.reads));
        let sent = self.headers.values().chain(&self.body);
        sent.for_each(|template| template.describe(about));
        if let Some(json) = &self.json {
            json.describe(about);
        }
        for (name, expression) in &self.save {
            about.writes.push(name);
            expression.variables(&mut about.shows);
        }
    }

    fn check(&self) -> Vec<String> {
        let mut faults = check_headers(&self.headers);
        faults.extend(check_time(self.timeout_seconds));
        if self.json.is_some() && self.body.is_some() {
            faults.push("a call has either `json` or `body`".to_owned());
        }
        if self.body.is_none() && self.content_type.is_some() {
            faults.push("`content_type` belongs to `body`".to_owned());
        }
        if matches!(self.method, HttpMethod::Get) && (self.json.is_some() || self.body.is_some()) {
            faults.push("a call with the method GET has no body".to_owned());
        }
        if self.query.len() > NAMES_MAX || self.save.len() > NAMES_MAX {
            faults.push(format!("`query` and `save` hold up to {NAMES_MAX} names each"));
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let request = self.request(turn)?;
        Ok(Move::Ask(Ask::Http(request), self.timeout_seconds.unwrap_or(SECONDS)))
    }
}

impl Asking for ApiCall {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        let Answer::Http { status, headers, body } = answer else { return Err(super::odd_answer()) };
        let headers = headers.iter().map(|(name, value)| (name.as_str(), Value::text(value)));
        turn.facts().response = Value::object([
            ("status", Value::Number((*status).into())),
            ("headers", Value::object(headers)),
            ("body", body.clone()),
        ]);
        let kept = self.keep(turn);
        turn.facts().response = Value::Null;
        kept?;
        Ok(Move::Leave(if (200..300).contains(status) { "next" } else { "failed" }))
    }
}
