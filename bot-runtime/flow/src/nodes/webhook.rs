//! Tells a service that something happened.
//!
//! ```json
//! {"id": "tell_crm", "type": "webhook", "data": {
//!   "url": "https://crm.example.org/hooks/{{ tenant }}", "event": "lead.created",
//!   "data": {"email": "{{ email }}", "score": "{{ score }}"}, "headers": {"x-key": "{{ api_key }}"}}}
//! ```
//!
//! A POST of `{"event", "data", "contact": {"id", "name", "locale"}, "channel"}` as JSON, with an `idempotency-key`.
//! The flow goes on when it was answered; the answer itself is not kept (see `api_call`).
//!
//! Ports: `next` (status 2xx), `error` (any other, or no answer).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    About, Asking, Behaviour, Port, Role,
    api_call::{SECONDS, check_headers, check_time},
};
use crate::{
    definition::NAME_MAX,
    json_template::JsonTemplate,
    question::{Answer, Ask, HttpMethod, HttpRequest},
    sprint::Reason,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    url: Template,
    event: String,
    data: Option<JsonTemplate>,
    #[serde(default)]
    headers: BTreeMap<String, Template>,
    timeout_seconds: Option<u32>,
}

impl Behaviour for Webhook {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.url.variables(&mut about.reads);
        self.headers.values().for_each(|value| value.variables(&mut about.reads));
        if let Some(data) = &self.data {
            data.variables(&mut about.reads);
        }
    }

    fn check(&self) -> Vec<String> {
        let mut faults = check_headers(&self.headers);
        faults.extend(check_time(self.timeout_seconds));
        if self.event.is_empty() || self.event.chars().count() > NAME_MAX {
            faults.push(format!("the name of an event has 1 to {NAME_MAX} characters"));
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let url = turn.render_url(&self.url)?;
        let data = self.data.as_ref().map_or(Ok(Json::Null), |data| data.fill(turn))?;
        let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        for (name, value) in &self.headers {
            headers.insert(name.to_ascii_lowercase(), turn.render(value)?);
        }
        let facts = turn.facts();
        let body = json!({
            "event": self.event,
            "data": data,
            "contact": {
                "id": facts.contact_id, "name": facts.contact_name, "locale": facts.contact_locale,
            },
            "channel": facts.channel,
        });
        let request = HttpRequest { method: HttpMethod::Post, url, headers, body: Some(body.to_string()) };
        Ok(Move::Ask(Ask::Http(request), self.timeout_seconds.unwrap_or(SECONDS)))
    }
}

impl Asking for Webhook {
    fn answered(&self, _turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        match answer {
            Answer::Http { status: 200..300, .. } => Ok(Move::Leave("next")),
            Answer::Http { .. } => Err(Failure::Error(Reason::Status)),
            _ => Err(super::odd_answer()),
        }
    }
}
