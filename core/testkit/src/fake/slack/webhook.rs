//! Callbacks as Slack writes them, signed.

use botbuilder_adapter_slack::sign;
use botbuilder_domain::{Clock as _, Secret, SystemClock};
use serde_json::{Value, json};

use super::{Options, direct};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Slack-Signature";

/// The header that carries the instant of the signature.
pub const TIMESTAMP_HEADER: &str = "X-Slack-Request-Timestamp";

/// A callback, ready to be sent.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The body.
    pub body: String,
    /// Its content type.
    pub content_type: &'static str,
    /// The value of [`SIGNATURE_HEADER`].
    pub signature: String,
    /// The value of [`TIMESTAMP_HEADER`].
    pub timestamp: String,
    /// What Socket Mode calls it.
    pub(super) kind: &'static str,
    /// What Socket Mode brings of it.
    pub(super) payload: Value,
}

impl Signed {
    fn new(
        options: &Options,
        body: String,
        content_type: &'static str,
        (kind, payload): (&'static str, Value),
    ) -> Self {
        let timestamp = SystemClock.now().timestamp().to_string();
        let signature = sign(&Secret::new(options.signing_secret.clone()), &timestamp, body.as_bytes());
        Self { body, content_type, signature, timestamp, kind, payload }
    }

    fn json(options: &Options, payload: Value) -> Self {
        Self::new(options, payload.to_string(), "application/json", ("events_api", payload))
    }

    fn form(options: &Options, fields: &[(&str, &str)], as_frame: (&'static str, Value)) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(options, body, "application/x-www-form-urlencoded", as_frame)
    }
}

/// A message as an event.
pub(super) fn message(
    kind: &str,
    channel: &str,
    user: &str,
    text: &str,
    ts: &str,
    thread: Option<&str>,
) -> Value {
    let mut event = json!({
        "type": kind, "channel": channel, "user": user, "text": text, "ts": ts, "event_ts": ts,
    });
    if kind == "message" {
        event["channel_type"] = if channel.starts_with('D') { "im" } else { "channel" }.into();
    }
    if let Some(thread) = thread {
        event["thread_ts"] = thread.into();
    }
    event
}

/// An event in its envelope. `number` makes its id.
pub(super) fn event(options: &Options, event: &Value, number: &str) -> Signed {
    let body = json!({
        "token": "deprecated", "type": "event_callback", "team_id": options.team_id,
        "api_app_id": options.app_id, "event": event, "event_id": format!("Ev{}", number.replace('.', "")),
        "event_time": SystemClock.now().timestamp(),
        "authorizations": [{
            "enterprise_id": null, "team_id": options.team_id, "user_id": options.bot_user_id,
            "is_bot": true, "is_enterprise_install": false,
        }],
        "is_ext_shared_channel": false,
    });
    Signed::json(options, body)
}

/// A press of a button of the message `ts`.
pub(super) fn tap(
    options: &Options,
    user: &str,
    value: &str,
    title: &str,
    ts: &str,
    action_ts: &str,
) -> Signed {
    let channel = direct(user);
    let payload = json!({
        "type": "block_actions",
        "user": { "id": user, "username": user, "name": user, "team_id": options.team_id },
        "api_app_id": options.app_id,
        "team": { "id": options.team_id, "domain": "fake" },
        "enterprise": null,
        "container": {
            "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false,
        },
        "channel": { "id": channel, "name": "directmessage" },
        "message": { "type": "message", "user": options.bot_user_id, "ts": ts, "text": "?" },
        "trigger_id": format!("1.2.{}", action_ts.replace('.', "")),
        "state": { "values": {} },
        "actions": [{
            "type": "button", "action_id": "choice_0", "block_id": "b", "value": value,
            "text": { "type": "plain_text", "text": title, "emoji": true }, "action_ts": action_ts,
        }],
    });
    Signed::form(options, &[("payload", &payload.to_string())], ("interactive", payload))
}

/// A slash command as it was typed.
pub(super) struct Typed<'a> {
    pub(super) channel: &'a str,
    pub(super) user: &'a str,
    pub(super) command: &'a str,
    pub(super) text: &'a str,
}

/// A slash command, and where it may be answered.
pub(super) fn command(options: &Options, typed: &Typed<'_>, number: &str, response_url: &str) -> Signed {
    let Typed { channel, user, command, text } = *typed;
    let trigger = format!("1.2.{number}");
    let fields = [
        ("token", "deprecated"),
        ("team_id", &options.team_id),
        ("team_domain", "fake"),
        ("channel_id", channel),
        ("channel_name", if channel.starts_with('D') { "directmessage" } else { "general" }),
        ("user_id", user),
        ("user_name", user),
        ("command", command),
        ("text", text),
        ("api_app_id", &options.app_id),
        ("is_enterprise_install", "false"),
        ("response_url", response_url),
        ("trigger_id", &trigger),
    ];
    let payload = fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    Signed::form(options, &fields, ("slash_commands", Value::Object(payload)))
}
