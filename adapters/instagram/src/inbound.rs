//! From a webhook to events: entries, and the items in them, each on its own.

use botbuilder_adapter_kit::{
    Account, DecodeError, Locator, RawRequest, Received, Rejection, Reply, Verified, Webhook,
    json::{self, as_text},
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{ChannelKind, Content, DeliveryStatus, Inbound, InboundEvent, Sender};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    Instagram, content, settings,
    wire::{Edit, Item, Message, Postback, Reaction, read},
};

const BODY: &str = "instagram notification";

/// Kinds that tell something about the account or about who may answer.
const ACCOUNT: [&str; 6] = [
    "optin",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "policy_enforcement",
];

type Object = Map<String, Value>;

impl Webhook for Instagram {
    fn locate(&self, request: &RawRequest) -> Result<Locator, Rejection> {
        if let Some(id) = request.public_id() {
            return Ok(Locator::PublicId(id.to_owned()));
        }
        if request.app_provider() != Some(ChannelKind::Instagram.as_str()) {
            return Err(Rejection::NotOurs);
        }
        // Nothing in the body is believed here: the ids only say whose secrets to verify it with.
        let body = json::object(&request.body, BODY).unwrap_or_default();
        let entries = json::items(&body, "entry").iter();
        let mut ids: Vec<String> = entries.filter_map(|entry| as_text(entry.get("id")?)).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Locator::ProviderAccounts(ids))
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

/// What has been read of a body so far.
struct Reading<'a> {
    account: &'a Account,
    events: Vec<InboundEvent>,
    skipped: usize,
}

impl Reading<'_> {
    fn body(&mut self, body: Object) {
        // A page is Messenger's: another channel's app sends to the same address.
        if body.get("object").and_then(Value::as_str) == Some("page") {
            self.skipped += json::items(&body, "entry").len();
            return;
        }
        let Some(Value::Array(entries)) = body.get("entry") else {
            return self.unsupported("notification", &Value::Object(body));
        };
        for entry in entries {
            self.entry(entry);
        }
    }

    fn entry(&mut self, entry: &Value) {
        let Some(object) = entry.as_object() else { return self.unsupported("entry", entry) };
        let business = object.get("id").and_then(as_text);
        let lists = ["messaging", "standby", "changes"].map(|name| (name, object.get(name)));
        if let (Some(ours), Some(theirs)) = (settings::ig_user_id(self.account), business.as_deref())
            && ours != theirs
        {
            self.skipped +=
                lists.iter().filter_map(|(_, list)| list.and_then(Value::as_array)).flatten().count();
            return;
        }
        let mut known = false;
        for (name, list) in lists {
            let Some(list) = list else { continue };
            known = true;
            let Some(items) = list.as_array() else {
                self.unsupported(name, list);
                continue;
            };
            for item in items {
                match name {
                    "messaging" => self.item(business.as_deref(), item),
                    // Another app owns the thread: seen, never answered.
                    "standby" => self.standby(item),
                    _ => self.change(business.as_deref(), item),
                }
            }
        }
        if !known {
            self.unsupported("entry", entry);
        }
    }

    /// Comments and mentions; and, from the test button of the dashboard, items as they stand in `messaging`.
    fn change(&mut self, business: Option<&str>, change: &Value) {
        let field = change.get("field").and_then(as_text);
        match (field, change.get("value")) {
            (_, Some(value)) if value.get("sender").is_some() && value.get("recipient").is_some() => {
                self.item(business, value);
            }
            (Some(field), Some(value)) => {
                let dedupe = format!("account:{}", meta::digest(&[&field, &value.to_string()]));
                let what = Inbound::Account { name: field, standing: None, raw: value.clone() };
                self.events.push(without_person(dedupe, what));
            }
            _ => self.unsupported("changes", change),
        }
    }

    fn standby(&mut self, raw: &Value) {
        let dedupe = format!("standby:{}", meta::digest(&[&raw.to_string()]));
        let what = Inbound::Service { name: "standby".to_owned(), raw: raw.clone() };
        self.events.push(without_person(dedupe, what));
    }

    fn item(&mut self, business: Option<&str>, raw: &Value) {
        let item: Option<Item> = read(raw);
        let parties = item.and_then(|item| {
            let from = item.sender.and_then(|party| party.id)?;
            let to = item.recipient.and_then(|party| party.id)?;
            Some((from, to, item.timestamp))
        });
        let Some((from, to, timestamp)) = parties else { return self.unsupported("messaging", raw) };
        let at = timestamp.and_then(meta::instant);
        let ours = settings::ig_user_id(self.account).or(business).unwrap_or_default();
        if from == ours {
            // Our own, or typed by a person in Instagram's app.
            let item = One { raw, address: to, timestamp, at };
            self.events.push(item.echo());
            return;
        }
        if to != ours {
            self.skipped += 1;
            return;
        }
        let item = One { raw, address: from, timestamp, at };
        self.events.extend(item.events());
    }

    fn unsupported(&mut self, name: &str, raw: &Value) {
        let dedupe = format!("raw:{}", meta::digest(&[name, &raw.to_string()]));
        let what = Inbound::Unsupported { provider_id: None, name: name.to_owned(), raw: raw.clone() };
        self.events.push(without_person(dedupe, what));
    }
}

/// An event about the account. Its address is empty.
fn without_person(dedupe: String, what: Inbound) -> InboundEvent {
    InboundEvent { sender: Sender::default(), thread: String::new(), dedupe, occurred_at: None, what }
}

/// One item of a person.
struct One<'a> {
    raw: &'a Value,
    address: String,
    timestamp: Option<i64>,
    at: Option<DateTime<Utc>>,
}

impl One<'_> {
    fn events(&self) -> Vec<InboundEvent> {
        let Some(object) = self.raw.as_object() else { return vec![self.unknown("messaging", None)] };
        // Exactly one kind stands beside who, whom and when.
        for (kind, value) in object {
            let events = match kind.as_str() {
                "message" => self.message(value),
                "postback" => self.postback(value),
                "reaction" => self.reaction(value).map(|event| vec![event]),
                "read" => self.seen(value).map(|event| vec![event]),
                "message_edit" => self.edit(value).map(|event| vec![event]),
                "referral" => Some(vec![self.referral(value)]),
                _ if ACCOUNT.contains(&kind.as_str()) => {
                    let what = Inbound::Account { name: kind.clone(), standing: None, raw: self.raw.clone() };
                    Some(vec![self.event(self.by_content(kind), what)])
                }
                "sender" | "recipient" | "timestamp" => continue,
                _ => None,
            };
            return events.unwrap_or_else(|| vec![self.unknown(kind, mid(value))]);
        }
        vec![self.unknown("messaging", None)]
    }

    fn message(&self, value: &Value) -> Option<Vec<InboundEvent>> {
        let message: Message = read(value)?;
        let mid = message.mid.clone()?;
        if message.is_deleted {
            let what = Inbound::Delete { provider_id: mid.clone() };
            return Some(vec![self.event(format!("delete:{mid}"), what)]);
        }
        if message.is_echo || message.is_self {
            let name = if message.is_echo { "message_echo" } else { "self_message" };
            return Some(vec![self.service(name, self.raw, Some(&mid))]);
        }
        let mut events = Vec::new();
        if let Some(referral) = &message.referral {
            events.push(self.service("referral", referral, Some(&mid)));
        }
        let replied = message.reply_to.as_ref();
        if let Some(story) = replied.and_then(|replied| replied.get("story")) {
            events.push(self.service("story_reply", story, Some(&mid)));
        }
        let reply_to = replied.and_then(|replied| replied.get("mid")).and_then(as_text);
        if let Some(payload) = message.quick_reply.as_ref().and_then(|reply| reply.payload.clone()) {
            let what = Inbound::Postback { provider_id: mid.clone(), payload, title: message.text, reply_to };
            events.push(self.event(mid, what));
            return Some(events);
        }
        let contents = if message.is_unsupported { Vec::new() } else { content::of(&message) };
        if contents.is_empty() {
            events.push(self.unknown("message", Some(mid)));
            return Some(events);
        }
        for (index, content) in contents.into_iter().enumerate() {
            let id = if index == 0 { mid.clone() } else { format!("{mid}:{index}") };
            let what = Inbound::Message { provider_id: id.clone(), content, reply_to: reply_to.clone() };
            events.push(self.event(id, what));
        }
        Some(events)
    }

    /// Something that went out: typed by a person in Instagram's app, or sent by us.
    fn echo(&self) -> InboundEvent {
        let message: Option<Message> = self.raw.get("message").and_then(read);
        let said =
            message.filter(|message| !message.is_deleted && !message.is_unsupported).and_then(|message| {
                let mut contents = content::of(&message).into_iter();
                Some((message.mid?, contents.next()?))
            });
        let Some((mid, content)) = said else { return self.service("message_echo", self.raw, None) };
        let key = format!("echo:{mid}");
        self.event(key, Inbound::Echo { provider_id: mid, content, may_be_ours: true })
    }

    /// A button of a template, an ice breaker, or an item of the persistent menu.
    fn postback(&self, value: &Value) -> Option<Vec<InboundEvent>> {
        let postback: Postback = read(value)?;
        let key = postback.mid.clone().unwrap_or_else(|| self.by_content("postback"));
        let mut events = Vec::new();
        if let Some(referral) = &postback.referral {
            events.push(self.service("referral", referral, Some(&key)));
        }
        let (payload, title) = (postback.payload?, postback.title);
        let what = Inbound::Postback { provider_id: key.clone(), payload, title, reply_to: None };
        events.push(self.event(key, what));
        Some(events)
    }

    fn reaction(&self, value: &Value) -> Option<InboundEvent> {
        let reaction: Reaction = read(value)?;
        let (mid, action) = (reaction.mid?, reaction.action?);
        let emoji = match action.as_str() {
            "react" => Some(reaction.emoji.or(reaction.reaction)?),
            "unreact" => None,
            _ => return None,
        };
        let shown = emoji.as_deref().unwrap_or_default();
        let at = self.timestamp.unwrap_or_default();
        let dedupe = format!("reaction:{}:{mid}:{action}:{shown}:{at}", self.address);
        Some(self.event(dedupe, Inbound::Reaction { provider_id: mid, emoji }))
    }

    fn seen(&self, value: &Value) -> Option<InboundEvent> {
        let mid = mid(value)?;
        let dedupe = format!("read:{}:{mid}", self.address);
        let status = DeliveryStatus::Read;
        // The network names the last message that was seen; those before it were, too.
        let and_before = true;
        let what = Inbound::Status { provider_id: mid, status, failure: None, correlation: None, and_before };
        Some(self.event(dedupe, what))
    }

    fn edit(&self, value: &Value) -> Option<InboundEvent> {
        let edit: Edit = read(value)?;
        let (mid, text) = (edit.mid?, edit.text?);
        let dedupe = format!("edit:{mid}:{}", edit.num_edit.unwrap_or_default());
        Some(self.event(dedupe, Inbound::Edit { provider_id: mid, content: Content::text(text) }))
    }

    /// A link to the conversation was followed; nothing was written yet.
    fn referral(&self, value: &Value) -> InboundEvent {
        let payload = value.get("ref").and_then(as_text);
        self.event(self.by_content("referral"), Inbound::Opened { payload })
    }

    fn service(&self, name: &str, raw: &Value, mid: Option<&str>) -> InboundEvent {
        let what = Inbound::Service { name: name.to_owned(), raw: raw.clone() };
        let key = mid.map_or_else(|| self.by_content(name), |mid| format!("{name}:{mid}"));
        self.event(key, what)
    }

    fn unknown(&self, name: &str, mid: Option<String>) -> InboundEvent {
        let what =
            Inbound::Unsupported { provider_id: mid.clone(), name: name.to_owned(), raw: self.raw.clone() };
        let key = mid.map_or_else(|| self.by_content(name), |mid| format!("{name}:{mid}"));
        self.event(key, what)
    }

    /// A key for what carries no id of its own.
    fn by_content(&self, name: &str) -> String {
        format!("{name}:{}", meta::digest(&[&self.raw.to_string()]))
    }

    fn event(&self, dedupe: String, what: Inbound) -> InboundEvent {
        let sender = Sender { address: self.address.clone(), ..Sender::default() };
        InboundEvent { sender, thread: String::new(), dedupe, occurred_at: self.at, what }
    }
}

fn mid(value: &Value) -> Option<String> {
    value.get("mid").and_then(as_text)
}
