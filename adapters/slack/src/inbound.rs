//! From a callback to events and the answer that Slack expects.

use botbuilder_adapter_kit::{
    Account, DecodeError, Locator, RawRequest, Received, Rejection, Reply, Verified, Webhook, json::as_text,
};
use botbuilder_domain::{ChannelKind, Inbound, InboundEvent, Sender, Standing};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{Slack, body::Body, event, interaction, settings, signature};

impl Webhook for Slack {
    fn locate(&self, request: &RawRequest) -> Result<Locator, Rejection> {
        if let Some(id) = request.public_id() {
            return Ok(Locator::PublicId(id.to_owned()));
        }
        if request.app_provider() != Some(ChannelKind::Slack.as_str()) {
            return Err(Rejection::NotOurs);
        }
        // Nothing in the body is believed here: the ids only say whose secrets to verify it with.
        let teams = Body::read(&request.body).map(|body| body.teams()).unwrap_or_default();
        Ok(Locator::ProviderAccounts(teams))
    }

    fn verify<'r>(&self, account: &Account, request: &'r RawRequest) -> Result<Verified<'r>, Rejection> {
        if request.method != "POST" {
            return Err(Rejection::NotOurs);
        }
        signature::verify(&account.webhook_secrets, request)?;
        Ok(Verified::proved(request))
    }

    fn decode(&self, account: &Account, request: Verified<'_>) -> Result<Received, DecodeError> {
        Ok(read(account, &Body::read(&request.request().body)?))
    }
}

/// What a body holds for this account, and the answer that Slack expects. By which way it came makes no difference.
pub(crate) fn read(account: &Account, body: &Body) -> Received {
    if !is_ours(account, body) {
        return Received { events: Vec::new(), skipped: 1, reply: Reply::ok() };
    }
    let mut reply = Reply::ok();
    let events = match body {
        Body::SslCheck => Vec::new(),
        Body::Command(fields) => vec![interaction::command(fields)],
        Body::Interaction(raw) => {
            if raw.get("type").and_then(Value::as_str) == Some("block_suggestion") {
                // Options cannot be computed in the three seconds that a person would wait: there are none.
                reply.content_type = "application/json";
                reply.body = r#"{"options":[]}"#.into();
            }
            interaction::events(raw)
        }
        Body::Event(envelope) => match envelope.get("type").and_then(Value::as_str) {
            Some("url_verification") => {
                reply = Reply::text(envelope.get("challenge").and_then(as_text).unwrap_or_default());
                Vec::new()
            }
            Some("event_callback") => match envelope.get("event").filter(|event| event.is_object()) {
                Some(event) => event::Reading::of(account, envelope, event).events(),
                None => vec![unsupported("event_callback", envelope)],
            },
            Some("app_rate_limited") => vec![rate_limited(envelope)],
            kind => vec![unsupported(kind.unwrap_or("callback"), envelope)],
        },
    };
    Received { events, skipped: 0, reply }
}

/// Whether a body is for this app in this workspace. What names neither is.
pub(crate) fn is_ours(account: &Account, body: &Body) -> bool {
    let app = body.app();
    if let (Some(theirs), Some(ours)) = (app.as_deref(), account.setting("app_id"))
        && theirs != ours
    {
        return false;
    }
    let teams = body.teams();
    settings::team(account).is_none_or(|team| teams.is_empty() || teams.iter().any(|known| known == team))
}

/// More events than Slack delivers: some were lost, which an operator has to know.
fn rate_limited(envelope: &Map<String, Value>) -> InboundEvent {
    let name = "app_rate_limited";
    let why = "more happens than Slack delivers: some events were lost".to_owned();
    let what = Inbound::Account {
        name: name.to_owned(),
        standing: Some(Standing::Troubled { why }),
        raw: Value::Object(envelope.clone()),
    };
    without_person(digest(name, envelope), what)
}

fn unsupported(name: &str, raw: &Map<String, Value>) -> InboundEvent {
    let what =
        Inbound::Unsupported { provider_id: None, name: name.to_owned(), raw: Value::Object(raw.clone()) };
    without_person(digest(name, raw), what)
}

fn without_person(dedupe: String, what: Inbound) -> InboundEvent {
    InboundEvent { sender: Sender::default(), thread: String::new(), dedupe, occurred_at: None, what }
}

/// A key for what carries no id of its own: the digest of what it holds, 64 hex digits.
pub(crate) fn digest(name: &str, raw: &impl Serialize) -> String {
    let written = serde_json::to_vec(raw).unwrap_or_default();
    format!("{name}:{}", hex::encode(Sha256::digest(written)))
}
