//! Socket Mode: what callbacks would bring comes over a socket that the app opened. Slack proves itself by the address,
//! which only the app's own token is told, so nothing is signed.

use botbuilder_adapter_kit::{
    Account, Delivery, Frame, HttpChannel as _, ProviderRequest, ProviderResponse, SendError, Socket,
    Trouble,
    json::{self, as_text},
};
use botbuilder_domain::Secret;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{Slack, body::Body, inbound, outbound::call_with, settings::DEFAULT_BASE_URL};

impl Socket for Slack {
    fn open(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        let token = account.credentials.get("app_token").filter(|token| !token.expose().is_empty());
        let token = token.ok_or(Trouble::missing("the credential app_token (xapp-…)"))?;
        let base_url = account.base_url(DEFAULT_BASE_URL)?;
        Ok(call_with(token, &base_url, "apps.connections.open", Map::new()))
    }

    fn address(&self, response: &ProviderResponse) -> Result<Secret<String>, Trouble> {
        if let Err(error) = self.interpret(response) {
            return Err(refused(error));
        }
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let url = body.get("url").and_then(as_text);
        url.map(Secret::new).ok_or(Trouble::passing("provider_unavailable", "slack named no socket"))
    }

    fn read(&self, account: &Account, frame: &str, _received: DateTime<Utc>) -> Frame {
        let Ok(frame) = json::object(frame.as_bytes(), "slack frame") else { return Frame::Ignored };
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "hello" => return Frame::Hello,
            "disconnect" => {
                return match frame.get("reason").and_then(Value::as_str) {
                    Some("link_disabled") => Frame::Refused(switched_off("link_disabled")),
                    _ => Frame::Refresh,
                };
            }
            _ => {}
        }
        let Some(envelope) = frame.get("envelope_id").and_then(as_text) else { return Frame::Ignored };
        let payload = frame.get("payload").and_then(Value::as_object).cloned().unwrap_or_default();
        let (body, written) = match kind {
            "interactive" => {
                let written = Value::Object(payload.clone()).to_string();
                (Body::Interaction(payload), form([("payload", written)]))
            }
            "slash_commands" => {
                let fields =
                    payload.iter().filter_map(|(name, value)| Some((name.as_str(), as_text(value)?)));
                let written = form(fields);
                (Body::Command(payload), written)
            }
            // A kind that nobody knows is kept as an event is.
            _ => {
                let written = Value::Object(payload.clone()).to_string();
                (Body::Event(payload), written)
            }
        };
        if !inbound::is_ours(account, &body) {
            return Frame::Foreign { accounts: body.teams() };
        }
        let received = inbound::read(account, &body);
        let mut acknowledge = json!({ "envelope_id": envelope });
        let may_answer = frame.get("accepts_response_payload").and_then(Value::as_bool) == Some(true);
        if may_answer && let Ok(payload @ Value::Object(_)) = serde_json::from_slice(&received.reply.body) {
            acknowledge["payload"] = payload;
        }
        Frame::Delivery {
            delivery: Delivery { events: received.events, body: written.into() },
            acknowledge: acknowledge.to_string(),
        }
    }

    /// The app's own token opens the sockets, and says whose they are.
    fn is_same_app(&self, one: &Account, other: &Account) -> bool {
        let [one, other] = [one, other].map(|account| account.credentials.get("app_token"));
        one.zip(other).is_some_and(|(one, other)| !one.expose().is_empty() && one.expose() == other.expose())
    }
}

/// A body as a callback would have brought it.
fn form<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn switched_off(code: &str) -> Trouble {
    Trouble::staying(
        "socket_mode_off",
        format!("socket mode is switched off for this app ({code})"),
        "switch it on (app settings, Socket Mode), or clear the channel's `polling` and let slack call back",
    )
}

/// Why no socket is given.
fn refused(error: SendError) -> Trouble {
    match error {
        SendError::AuthBroken { code, .. } if code == "not_allowed_token_type" || code == "missing_scope" => {
            Trouble::staying(
                "credentials_refused",
                format!("slack gives no socket for this token ({code})"),
                "make an app-level token with the scope connections:write (basic information) and enter it as \
                 `app_token`",
            )
        }
        SendError::Permanent { code, .. }
            if code == "socket_mode_not_enabled" || code == "forbidden_team" =>
        {
            switched_off(&code)
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::account::Credentials;

    use super::*;
    use crate::setup::tests::account;

    fn read(frame: &Value) -> Frame {
        Slack.read(&account(), &frame.to_string(), DateTime::UNIX_EPOCH)
    }

    fn delivered(frame: &Value) -> (Delivery, Value) {
        match read(frame) {
            Frame::Delivery { delivery, acknowledge } => {
                (delivery, serde_json::from_str(&acknowledge).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_envelope_is_read_as_its_callback_would_be() {
        let event = json!({
            "type": "event_callback", "team_id": "T1", "event_id": "Ev1",
            "event": { "type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "hi", "ts": "1.000001" },
        });
        let (delivery, answer) =
            delivered(&json!({ "type": "events_api", "envelope_id": "e1", "payload": event }));
        assert_eq!(answer, json!({ "envelope_id": "e1" }));
        assert_eq!(delivery.events.len(), 1);
        let posted = inbound::read(&account(), &Body::read(&delivery.body).unwrap());
        assert_eq!(posted.events, delivery.events);

        let command = json!({
            "command": "/order", "text": "1002", "team_id": "T1", "channel_id": "D1", "user_id": "U1", "trigger_id": "1.2.3",
        });
        let (delivery, _) =
            delivered(&json!({ "type": "slash_commands", "envelope_id": "e2", "payload": command }));
        let posted = inbound::read(&account(), &Body::read(&delivery.body).unwrap());
        assert_eq!((posted.events.len(), &posted.events), (1, &delivery.events));

        let tap = json!({
            "type": "block_actions", "user": { "id": "U1" }, "team": { "id": "T1" }, "trigger_id": "1.2.4",
            "actions": [{ "action_id": "a", "type": "button", "value": "yes", "action_ts": "2.000001" }],
        });
        let (delivery, _) = delivered(&json!({ "type": "interactive", "envelope_id": "e3", "payload": tap }));
        let posted = inbound::read(&account(), &Body::read(&delivery.body).unwrap());
        assert_eq!((posted.events.len(), &posted.events), (1, &delivery.events));
    }

    #[test]
    fn an_answer_is_written_only_where_it_is_taken() {
        let asked = |accepts: bool| {
            let payload = json!({ "type": "block_suggestion", "action_id": "a", "team": { "id": "T1" } });
            delivered(&json!({
                "type": "interactive", "envelope_id": "e", "payload": payload, "accepts_response_payload": accepts,
            }))
            .1
        };
        assert_eq!(asked(true)["payload"], json!({ "options": [] }));
        assert_eq!(asked(false).get("payload"), None);
    }

    #[test]
    fn other_frames_are_told_apart_and_what_nobody_knows_is_acknowledged() {
        assert_eq!(read(&json!({ "type": "hello", "num_connections": 1 })), Frame::Hello);
        assert_eq!(read(&json!({ "type": "disconnect", "reason": "warning" })), Frame::Refresh);
        assert_eq!(read(&json!({ "type": "disconnect", "reason": "refresh_requested" })), Frame::Refresh);
        let off = read(&json!({ "type": "disconnect", "reason": "link_disabled" }));
        assert!(matches!(off, Frame::Refused(trouble) if trouble.code == "socket_mode_off"));
        assert_eq!(read(&json!({ "type": "hologram" })), Frame::Ignored);
        assert_eq!(read(&json!([])), Frame::Ignored);
        let (delivery, answer) = delivered(&json!({ "type": "hologram", "envelope_id": "e9" }));
        assert_eq!((answer["envelope_id"].as_str(), delivery.events.len()), (Some("e9"), 1));
    }

    #[test]
    fn what_is_for_another_workspace_of_the_app_is_not_acknowledged_here() {
        let foreign = json!({ "type": "event_callback", "team_id": "T2", "event": {} });
        let frame = read(&json!({ "type": "events_api", "envelope_id": "e", "payload": foreign }));
        assert_eq!(frame, Frame::Foreign { accounts: vec!["T2".to_owned()] });
        let with_token = |token: &str| {
            let mut other = account();
            let credentials = json!({ "app_token": token });
            other.credentials = Credentials::from_object(credentials.as_object().unwrap());
            other
        };
        assert!(Slack.is_same_app(&account(), &with_token("xapp-for-tests")));
        assert!(!Slack.is_same_app(&account(), &with_token("xapp-of-another")));
        assert!(!Slack.is_same_app(&with_token(""), &with_token("")));
    }

    #[test]
    fn a_refused_socket_says_what_to_do() {
        let response =
            |body: &Value| ProviderResponse { status: 200, retry_after: None, body: body.to_string().into() };
        let code =
            |error: &str| Slack.address(&response(&json!({ "ok": false, "error": error }))).unwrap_err().code;
        assert_eq!(code("not_allowed_token_type"), "credentials_refused");
        assert_eq!(code("invalid_auth"), "credentials_refused");
        assert_eq!(code("socket_mode_not_enabled"), "socket_mode_off");
        assert_eq!(code("internal_error"), "provider_unavailable");
        let url =
            Slack.address(&response(&json!({ "ok": true, "url": "wss://wss.slack.example/link?ticket=1" })));
        assert_eq!(url.unwrap().expose(), "wss://wss.slack.example/link?ticket=1");
    }
}
