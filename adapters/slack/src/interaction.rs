//! What a person does beside writing: buttons, selects, views, shortcuts, slash commands.

use botbuilder_adapter_kit::{
    Name,
    json::{self, as_text},
};
use botbuilder_domain::{Content, Inbound, InboundEvent, Sender};
use serde_json::{Map, Value, json};

use crate::{
    content::instant,
    event::person,
    inbound::digest,
    wire::{Action, User, read},
};

/// An interaction and where it happened.
struct Reading<'a> {
    raw: &'a Map<String, Value>,
    sender: Sender,
    user: String,
    /// `{channel}:{ts}` of the message it happened on.
    message: Option<String>,
    thread: String,
}

/// The events of an interaction.
pub(crate) fn events(raw: &Map<String, Value>) -> Vec<InboundEvent> {
    let kind = raw.get("type").and_then(as_text).unwrap_or_default();
    let Some(reading) = Reading::of(raw) else { return vec![unsupported(Sender::default(), &kind, raw)] };
    let read = match kind.as_str() {
        "block_actions" => reading.actions(),
        "view_submission" => reading.submitted(),
        "shortcut" | "message_action" => reading.shortcut(&kind),
        "interactive_message" => reading.legacy(),
        "dialog_submission" => reading.dialog(),
        "view_closed"
        | "block_suggestion"
        | "dialog_suggestion"
        | "dialog_cancellation"
        | "workflow_step_edit" => {
            let what = Inbound::Service { name: kind.clone(), raw: Value::Object(raw.clone()) };
            Some(vec![reading.event(reading.trigger(&kind), what)])
        }
        _ => None,
    };
    let name = if kind.is_empty() { "interaction" } else { &kind };
    read.unwrap_or_else(|| vec![unsupported(reading.sender, name, raw)])
}

impl<'a> Reading<'a> {
    fn of(raw: &'a Map<String, Value>) -> Option<Self> {
        let user: User = read(raw.get("user")?)?;
        let id = user.id?;
        let text = |path: &[&str]| {
            let mut value = raw.get(path[0])?;
            for field in &path[1..] {
                value = value.get(field)?;
            }
            as_text(value)
        };
        let channel =
            text(&["channel", "id"]).or_else(|| text(&["container", "channel_id"])).unwrap_or_default();
        let ts = text(&["message", "ts"])
            .or_else(|| text(&["container", "message_ts"]))
            .or_else(|| text(&["message_ts"]));
        let root = text(&["container", "thread_ts"]).or_else(|| text(&["message", "thread_ts"]));
        let message = ts.filter(|_| !channel.is_empty()).map(|ts| format!("{channel}:{ts}"));
        let mut sender = person(&channel, Some(&id), Name::new(None, user.name.or(user.username)));
        sender.reply_via = text(&["response_url"]);
        Some(Self { raw, sender, user: id, message, thread: root.unwrap_or_default() })
    }

    /// One event for each action; Slack sends one at a time today.
    fn actions(&self) -> Option<Vec<InboundEvent>> {
        let actions = json::items(self.raw, "actions");
        if actions.is_empty() {
            return None;
        }
        let events = actions.iter().map(|raw| {
            let action: Option<Action> = read(raw);
            let (Some(action), Some((payload, title))) = (action, chosen(raw)) else {
                return unsupported(self.sender.clone(), "block_actions", self.raw);
            };
            let at = action.action_ts.unwrap_or_default();
            let id = action.action_id.unwrap_or_default();
            let key =
                if at.is_empty() { self.trigger(&id) } else { format!("action:{at}:{}:{id}", self.user) };
            let mut event = self.postback(key, payload, title);
            event.occurred_at = instant(&at);
            event
        });
        Some(events.collect())
    }

    /// A form that was sent: its fields as they came.
    fn submitted(&self) -> Option<Vec<InboundEvent>> {
        let view = self.raw.get("view").filter(|view| view.is_object())?;
        let text = |field: &str| view.get(field).and_then(as_text);
        let key = match (text("id"), text("hash")) {
            (Some(id), Some(hash)) => format!("view:{id}:{hash}"),
            _ => self.trigger("view_submission"),
        };
        let payload = json!({
            "type": "view_submission",
            "callback_id": text("callback_id"),
            "private_metadata": text("private_metadata"),
            "values": view.pointer("/state/values"),
        });
        Some(vec![self.said(key, Content::Structured { payload })])
    }

    fn shortcut(&self, kind: &str) -> Option<Vec<InboundEvent>> {
        let payload = self.raw.get("callback_id").and_then(as_text)?;
        Some(vec![self.postback(self.trigger(kind), payload, None)])
    }

    /// Buttons and menus of attachments, as they were before blocks.
    fn legacy(&self) -> Option<Vec<InboundEvent>> {
        let action = json::items(self.raw, "actions").first()?;
        let option = action.pointer("/selected_options/0/value");
        let payload = action.get("value").or(option).and_then(as_text)?;
        let at = self.raw.get("action_ts").and_then(as_text);
        let key = at.map_or_else(
            || self.trigger("interactive_message"),
            |at| format!("action:{at}:{}:{payload}", self.user),
        );
        Some(vec![self.postback(key, payload, None)])
    }

    fn dialog(&self) -> Option<Vec<InboundEvent>> {
        let values = self.raw.get("submission").filter(|values| values.is_object())?;
        let payload = json!({
            "type": "dialog_submission",
            "callback_id": self.raw.get("callback_id"),
            "values": values,
        });
        Some(vec![self.said(self.trigger("dialog_submission"), Content::Structured { payload })])
    }

    /// The key of something that has no id of its own: its trigger, or what it holds.
    fn trigger(&self, kind: &str) -> String {
        let told = self.raw.get("trigger_id").and_then(as_text);
        told.map_or_else(|| digest(kind, self.raw), |id| format!("{kind}:{id}"))
    }

    fn postback(&self, key: String, payload: String, title: Option<String>) -> InboundEvent {
        let what =
            Inbound::Postback { provider_id: key.clone(), payload, title, reply_to: self.message.clone() };
        self.event(key, what)
    }

    fn said(&self, key: String, content: Content) -> InboundEvent {
        let what = Inbound::Message { provider_id: key.clone(), content, reply_to: self.message.clone() };
        self.event(key, what)
    }

    fn event(&self, dedupe: String, what: Inbound) -> InboundEvent {
        let (sender, thread) = (self.sender.clone(), self.thread.clone());
        InboundEvent { sender, thread, dedupe, occurred_at: None, what }
    }
}

/// What was chosen, and what the person read on it.
fn chosen(action: &Value) -> Option<(String, Option<String>)> {
    let label = |of: &Value| of.pointer("/text/text").or(of.get("text")).and_then(as_text);
    if let Some(option) = action.get("selected_option").filter(|option| option.is_object()) {
        return Some((option.get("value").and_then(as_text)?, label(option)));
    }
    if let Some(options) = action.get("selected_options").and_then(Value::as_array) {
        let joined = |parts: Vec<String>| parts.join(",");
        let values = options.iter().filter_map(|option| option.get("value").and_then(as_text)).collect();
        return Some((joined(values), Some(joined(options.iter().filter_map(label).collect()))));
    }
    for (field, value) in action.as_object()? {
        // `selected_user`, `selected_channel`, `selected_date`, `selected_time` …; several come as a list.
        if !field.starts_with("selected_") {
            continue;
        }
        if let Some(text) = as_text(value) {
            return Some((text, None));
        }
        if let Some(several) = value.as_array() {
            let several: Vec<String> = several.iter().filter_map(as_text).collect();
            return Some((several.join(","), None));
        }
    }
    // A button that opens an address carries no value of its own.
    let action: Action = read(action)?;
    let title = action.text.as_ref().and_then(|text| text.get("text")).and_then(as_text);
    Some((action.value.or(action.action_id)?, title))
}

/// A slash command: what was typed, as a message.
pub(crate) fn command(fields: &Map<String, Value>) -> InboundEvent {
    let text = |name: &str| fields.get(name).and_then(as_text);
    let (Some(command), Some(user)) = (text("command"), text("user_id")) else {
        return unsupported(Sender::default(), "command", fields);
    };
    let written = match text("text") {
        Some(rest) => format!("{command} {rest}"),
        None => command,
    };
    let channel = text("channel_id").unwrap_or_default();
    let key = text("trigger_id").map_or_else(|| digest("command", fields), |id| format!("command:{id}"));
    let what = Inbound::Message { provider_id: key.clone(), content: Content::text(written), reply_to: None };
    let mut sender = person(&channel, Some(&user), Name::new(None, text("user_name")));
    sender.reply_via = text("response_url");
    InboundEvent { sender, thread: String::new(), dedupe: key, occurred_at: None, what }
}

fn unsupported(sender: Sender, name: &str, raw: &Map<String, Value>) -> InboundEvent {
    let what =
        Inbound::Unsupported { provider_id: None, name: name.to_owned(), raw: Value::Object(raw.clone()) };
    InboundEvent { sender, thread: String::new(), dedupe: digest(name, raw), occurred_at: None, what }
}
