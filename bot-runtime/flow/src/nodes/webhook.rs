//! Tells a service that something happened.
//!
//! ```json
//! {"id": "tell_crm", "type": "webhook", "data": {
//!   "url": "https://crm.example.org/hooks/{{ tenant }}", "event": "lead.created",
//!   "data": {"email": "{{ email }}", "score": "{{ score }}"}, "headers": {"x-key": "{{ secret.crm_key }}"}}}
//! ```
//!
//! A POST of `{"event", "data", "contact": {"id", "name", "locale"}, "channel"}` as JSON, with an `idempotency-key`.
//! The flow goes on when it was answered; the answer itself is not kept (see `api_call`). It is signed like everything that
//! is sent to the bot's webhook (`webhook-id`, `webhook-timestamp`, `webhook-signature`, `botbuilder-signature`): with the
//! secret that `sign_with` names, else with that of the bot's webhook, if it has one. `{{ secret.NAME }}` may stand in
//! `headers` and `data`.
//!
//! Ports: `next` (status 2xx), `error` (any other, or no answer).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::{
    About, Asking, Behaviour, Port, Reference, Role,
    api_call::{SECONDS, check_headers, check_time, fill_headers},
};
use crate::{
    definition::NAME_MAX,
    question::{Answer, Ask, Gap, HttpMethod, HttpRequest, Signing},
    request_template::{RequestJson, RequestTemplate, is_secret_name},
    sprint::Reason,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    url: Template,
    event: String,
    data: Option<RequestJson>,
    #[serde(default)]
    headers: BTreeMap<String, RequestTemplate>,
    sign_with: Option<String>,
    timeout_seconds: Option<u32>,
}

impl Behaviour for Webhook {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.url.variables(&mut about.reads);
        self.headers.values().for_each(|value| value.describe(about));
        if let Some(data) = &self.data {
            data.describe(about);
        }
        about.uses.extend(self.sign_with.as_deref().map(Reference::Secret));
    }

    fn check(&self) -> Vec<String> {
        let mut faults = check_headers(&self.headers);
        faults.extend(check_time(self.timeout_seconds));
        if self.event.is_empty() || self.event.chars().count() > NAME_MAX {
            faults.push(format!("the name of an event has 1 to {NAME_MAX} characters"));
        }
        if self.sign_with.as_deref().is_some_and(|name| !is_secret_name(name)) {
            faults.push("`sign_with` is no name of a secret".to_owned());
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let url = turn.render_url(&self.url)?;
        let mut request = HttpRequest { method: HttpMethod::Post, url, ..HttpRequest::default() };
        request.headers.insert("content-type".to_owned(), "application/json".to_owned());
        fill_headers(&mut request, &self.headers, turn)?;
        let data = self.data.as_ref().map(|data| data.fill(turn)).transpose()?;
        let facts = turn.facts();
        let contact =
            json!({ "id": facts.contact_id, "name": facts.contact_name, "locale": facts.contact_locale });
        // `data` may have gaps, so its text is taken as it is.
        let begin = format!("{{\"channel\":{},\"contact\":{contact},\"data\":", json!(facts.channel));
        let (data, gaps) =
            data.map_or_else(|| ("null".to_owned(), Vec::new()), |data| (data.text, data.gaps));
        request.gaps.extend(gaps.into_iter().map(|gap| Gap { at: begin.len() + gap.at, ..gap }));
        request.body = Some(format!("{begin}{data},\"event\":{}}}", json!(self.event)));
        request.signing = Some(self.sign_with.clone().map_or(Signing::Bot, Signing::Secret));
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
