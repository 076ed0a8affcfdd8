//! From a webhook to events: entries, changes, and the items in them, each on its own.

use botbuilder_adapter_kit::{
    Account, DecodeError, Locator, RawRequest, Received, Rejection, Reply, Verified, Webhook,
    json::{self, as_text},
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{ChannelKind, DeliveryStatus, Inbound, InboundEvent, Sender, TemplateChange};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::{
    Whatsapp,
    identity::Ids,
    message, settings, standing, templates,
    wire::{Contact, Status},
};

const BODY: &str = "whatsapp notification";

type Object = Map<String, Value>;

impl Webhook for Whatsapp {
    fn locate(&self, request: &RawRequest) -> Result<Locator, Rejection> {
        if let Some(id) = request.public_id() {
            return Ok(Locator::PublicId(id.to_owned()));
        }
        if request.app_provider() != Some(ChannelKind::Whatsapp.as_str()) {
            return Err(Rejection::NotOurs);
        }
        // Nothing in the body is believed here: the ids only say whose secrets to verify it with.
        let body = json::object(&request.body, BODY).unwrap_or_default();
        Ok(Locator::ProviderAccounts(provider_accounts(&body)))
    }

    fn verify<'r>(&self, account: &Account, request: &'r RawRequest) -> Result<Verified<'r>, Rejection> {
        match request.method.as_str() {
            "GET" => meta::verify_token(account.credentials.get("verify_token"), request)?,
            "POST" => meta::verify(&account.webhook_secrets, request)?,
            _ => return Err(Rejection::NotOurs),
        }
        Ok(Verified::proved(request))
    }

    fn decode(&self, account: &Account, request: Verified<'_>) -> Result<Received, DecodeError> {
        let request = request.request();
        if request.method == "GET" {
            let reply = meta::answer_challenge(request);
            return Ok(Received { events: Vec::new(), skipped: 0, reply });
        }
        let body = json::object(&request.body, BODY)?;
        let mut reading = Reading { account, events: Vec::new(), skipped: 0 };
        reading.body(body);
        Ok(Received { events: reading.events, skipped: reading.skipped, reply: Reply::ok() })
    }
}

/// The phone number ids in a body; for an entry without any, the id of its business account.
fn provider_accounts(body: &Object) -> Vec<String> {
    let mut ids = Vec::new();
    for entry in json::items(body, "entry").iter().filter_map(Value::as_object) {
        let numbers = json::items(entry, "changes")
            .iter()
            .filter_map(|change| as_text(change.pointer("/value/metadata/phone_number_id")?));
        let before = ids.len();
        ids.extend(numbers);
        if ids.len() == before {
            ids.extend(entry.get("id").and_then(as_text));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What has been read of a body so far.
struct Reading<'a> {
    account: &'a Account,
    events: Vec<InboundEvent>,
    skipped: usize,
}

impl Reading<'_> {
    fn body(&mut self, body: Object) {
        let Some(Value::Array(entries)) = body.get("entry") else {
            return self.unsupported("notification", &Value::Object(body));
        };
        for entry in entries {
            let Some(Value::Array(changes)) = entry.get("changes") else {
                self.unsupported("entry", entry);
                continue;
            };
            let business = entry.get("id").and_then(as_text);
            let foreign = |known: &str| business.as_deref().is_some_and(|id| id != known);
            if self.account.setting("waba_id").is_some_and(foreign) {
                self.skipped += changes.len();
                continue;
            }
            for change in changes {
                self.change(change);
            }
        }
    }

    fn change(&mut self, change: &Value) {
        let field = change.get("field").and_then(as_text).unwrap_or_else(|| "messages".into());
        let Some(value) = change.get("value").and_then(Value::as_object) else {
            return self.unsupported(&field, change);
        };
        let number = value.get("metadata").and_then(|metadata| metadata.get("phone_number_id"));
        if let (Some(number), Some(ours)) =
            (number.and_then(as_text), settings::phone_number_id(self.account))
            && number != ours
        {
            self.skipped += 1;
            return;
        }
        match field.as_str() {
            "messages" => self.messages(value, change),
            "smb_message_echoes" => self.echoes(value),
            field => {
                let raw = change.get("value").unwrap_or(change);
                match templates::change(field, raw) {
                    Some(change) => self.template(field, raw, change),
                    None => self.account_event(field, raw),
                }
            }
        }
    }

    fn messages(&mut self, value: &Object, change: &Value) {
        let contacts: Vec<Contact> = json::items(value, "contacts")
            .iter()
            .filter_map(|contact| Contact::deserialize(contact).ok())
            .collect();
        let mut known = false;
        if let Some(messages) = value.get("messages") {
            known = true;
            match messages {
                Value::Array(messages) => {
                    for item in messages {
                        self.events.extend(message::events(item, &contacts));
                    }
                }
                other => self.unsupported("messages", other),
            }
        }
        if let Some(statuses) = value.get("statuses") {
            known = true;
            match statuses {
                Value::Array(statuses) => {
                    for item in statuses {
                        self.events.push(status_event(item, &contacts));
                    }
                }
                other => self.unsupported("statuses", other),
            }
        }
        if let Some(errors) = value.get("errors") {
            known = true;
            self.account_event("errors", errors);
        }
        if !known {
            self.unsupported("messages", change);
        }
    }

    fn echoes(&mut self, value: &Object) {
        for item in json::items(value, "message_echoes") {
            self.events.push(message::echo(item));
        }
    }

    fn template(&mut self, name: &str, raw: &Value, change: TemplateChange) {
        let dedupe = format!("account:{}", meta::digest(&[name, &raw.to_string()]));
        self.events.push(without_person(dedupe, Inbound::Template(change)));
    }

    fn account_event(&mut self, name: &str, raw: &Value) {
        let dedupe = format!("account:{}", meta::digest(&[name, &raw.to_string()]));
        let what =
            Inbound::Account { name: name.to_owned(), standing: standing::of(name, raw), raw: raw.clone() };
        self.events.push(without_person(dedupe, what));
    }

    fn unsupported(&mut self, name: &str, raw: &Value) {
        self.events.push(unsupported(Sender::default(), None, name, raw));
    }
}

/// An event about the account. Its address is empty.
fn without_person(dedupe: String, what: Inbound) -> InboundEvent {
    InboundEvent { sender: Sender::default(), thread: String::new(), dedupe, occurred_at: None, what }
}

/// Something that is kept as it came. Without an id of its own it is known by its content.
pub(crate) fn unsupported(sender: Sender, id: Option<String>, name: &str, raw: &Value) -> InboundEvent {
    let dedupe = id.clone().unwrap_or_else(|| format!("raw:{}", meta::digest(&[name, &raw.to_string()])));
    let what = Inbound::Unsupported { provider_id: id, name: name.to_owned(), raw: raw.clone() };
    InboundEvent { sender, thread: String::new(), dedupe, occurred_at: None, what }
}

fn status_event(item: &Value, contacts: &[Contact]) -> InboundEvent {
    let status = Status::deserialize(item).ok();
    let parts = status.and_then(|status| {
        let id = status.id.clone()?;
        let word = status.status.clone()?;
        Some((status, id, word))
    });
    let Some((status, id, word)) = parts else {
        return unsupported(Sender::default(), None, "status", item);
    };
    let ids = Ids::of(status.recipient_id.as_deref(), status.recipient_user_id.as_deref());
    let sender = ids.sender(contacts).unwrap_or_default();
    let participant = status.recipient_participant_id.as_deref().unwrap_or_default();
    let dedupe = format!("status:{id}:{word}:{participant}");

    let reached = match word.as_str() {
        "sent" => DeliveryStatus::Sent,
        "delivered" => DeliveryStatus::Delivered,
        // A voice message that was played was seen.
        "read" | "played" => DeliveryStatus::Read,
        "failed" => DeliveryStatus::Failed,
        _ => {
            let mut event = unsupported(sender, Some(id), &format!("status.{word}"), item);
            event.dedupe = dedupe;
            return event;
        }
    };
    let failure = (reached == DeliveryStatus::Failed).then(|| message::failure(status.errors.as_ref()));
    InboundEvent {
        sender,
        thread: String::new(),
        dedupe,
        occurred_at: status.timestamp.and_then(meta::instant),
        what: Inbound::Status {
            provider_id: id,
            status: reached,
            failure,
            correlation: status.biz_opaque_callback_data,
            and_before: false,
        },
    }
}
