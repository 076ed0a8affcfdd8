//! What every channel has to pass, for this one.

use std::path::Path;

use botbuilder_adapter_kit::{
    Account, Channel as _, Locator, RawRequest, Rejection, Reply, RequestBody, Webhook as _,
    account::Credentials,
    contract::{Contract, RECEIVED},
};
use botbuilder_adapter_slack::{SIGNATURE_HEADER, Slack, TIMESTAMP_HEADER, sign};
use botbuilder_domain::{ChannelId, ChannelKind, Content, Inbound, OrgId, Secret};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

const TIMESTAMP: &str = "1700000000";

fn account() -> Account {
    let settings = json!({ "team_id": "T0001", "app_id": "A0001", "bot_user_id": "UBOT0" });
    let credentials = json!({ "bot_token": "xoxb-bot-token-for-tests" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind: ChannelKind::Slack,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().unwrap().clone(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new("slack_signing_secret_for_tests".into())],
    }
}

/// Fixtures are JSON; interactions and slash commands travel as forms.
fn as_sent(fixture: Bytes) -> Bytes {
    const INTERACTIONS: [&str; 12] = [
        "block_actions",
        "view_submission",
        "view_closed",
        "shortcut",
        "message_action",
        "block_suggestion",
        "interactive_message",
        "dialog_submission",
        "dialog_cancellation",
        "dialog_suggestion",
        "workflow_step_edit",
        "hologram_action",
    ];
    let Ok(Value::Object(object)) = serde_json::from_slice(&fixture) else { return fixture };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    if INTERACTIONS.contains(&kind) {
        let payload = std::str::from_utf8(&fixture).unwrap();
        return form.append_pair("payload", payload).finish().into();
    }
    if object.contains_key("command") {
        for (name, value) in &object {
            form.append_pair(name, value.as_str().unwrap_or_default());
        }
        return form.finish().into();
    }
    fixture
}

fn callback(event: &Value) -> Value {
    json!({
        "type": "event_callback", "team_id": "T0001", "api_app_id": "A0001", "event_id": "Ev1",
        "event_time": 1_700_000_000, "event": event,
    })
}

fn contract() -> Contract<'static> {
    Contract {
        channel: &Slack,
        fixtures: Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")),
        account: account(),
        sign: |secret, body| (SIGNATURE_HEADER.into(), sign(secret, TIMESTAMP, body)),
        beside: &[(TIMESTAMP_HEADER, TIMESTAMP)],
        as_sent,
        covers_body: true,
        unknown: vec![
            callback(&json!({ "type": "hologram", "marker": 1 })),
            callback(&json!({ "marker": 1 })),
            callback(
                &json!({ "type": "message", "text": "marker, in no channel", "user": "U1", "ts": "1.2" }),
            ),
            callback(
                &json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "1.2", "blocks": ["marker"] }),
            ),
            callback(
                &json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "1.2", "subtype": "marker" }),
            ),
            callback(
                &json!({ "type": "message", "channel": "C1", "text": "marker, from nobody", "ts": "1.2" }),
            ),
            callback(&json!({ "type": "reaction_added", "item": { "type": "marker" } })),
            callback(&json!("marker")),
            json!({ "type": "marker" }),
            json!({ "marker": true }),
            json!({ "type": "hologram_action", "user": { "id": "U1" }, "marker": 1 }),
            json!({ "type": "block_actions", "user": { "id": "U1" }, "actions": [{ "type": "marker" }] }),
            json!({ "type": "block_actions", "actions": [{ "value": "marker" }] }),
            json!({ "command": "/marker", "text": "by nobody" }),
        ],
        batch: None,
    }
}

#[test]
fn the_contract_is_kept() {
    contract().is_kept();
}

fn request(path: &str, body: &Value) -> RawRequest {
    let body = as_sent(body.to_string().into());
    let signature = sign(&account().webhook_secrets[0], TIMESTAMP, &body);
    RawRequest {
        method: "POST".into(),
        path: path.into(),
        query: String::new(),
        headers: vec![
            (SIGNATURE_HEADER.into(), signature),
            (TIMESTAMP_HEADER.into(), TIMESTAMP.into()),
            ("x-slack-retry-num".into(), "1".into()),
            ("x-slack-retry-reason".into(), "http_timeout".into()),
        ],
        body,
        received: RECEIVED,
    }
}

fn decoded(account: &Account, body: &Value) -> botbuilder_adapter_kit::Received {
    let request = request("main", body);
    let verified = Slack.verify(account, &request).unwrap();
    Slack.decode(account, verified).unwrap()
}

#[test]
fn an_address_is_verified_by_its_challenge() {
    let body = json!({ "type": "url_verification", "token": "x", "challenge": "c-<b>+%é" });
    let received = decoded(&account(), &body);
    assert_eq!(received.reply, Reply::text("c-<b>+%é"));
    assert!(received.events.is_empty());
}

#[test]
fn an_unsigned_verification_is_refused() {
    let mut request = request("main", &json!({ "type": "url_verification", "challenge": "x" }));
    request.headers.clear();
    assert_eq!(Slack.verify(&account(), &request).unwrap_err(), Rejection::SignatureMissing);
}

#[test]
fn a_check_of_the_certificate_is_answered() {
    let mut request = request("main", &Value::Null);
    request.body = Bytes::from_static(b"ssl_check=1&token=x");
    request.headers[0].1 = sign(&account().webhook_secrets[0], TIMESTAMP, &request.body);
    let account = account();
    let verified = Slack.verify(&account, &request).unwrap();
    assert_eq!(Slack.decode(&account, verified).unwrap().reply, Reply::ok());
}

#[test]
fn an_app_of_many_workspaces_is_located_by_team_ids() {
    let located = |body: &Value| Slack.locate(&request("app/slack", body)).unwrap();
    let teams = |ids: &[&str]| Locator::ProviderAccounts(ids.iter().map(|id| (*id).to_owned()).collect());
    let mut event = callback(&json!({ "type": "message" }));
    event["enterprise_id"] = "E1".into();
    event["authorizations"] = json!([{ "team_id": "T0002", "enterprise_id": null }]);
    assert_eq!(located(&event), teams(&["E1", "T0001", "T0002"]));
    let tap =
        json!({ "type": "block_actions", "team": { "id": "T7" }, "enterprise": null, "user": { "id": "U" } });
    assert_eq!(located(&tap), teams(&["T7"]));
    assert_eq!(located(&json!({ "command": "/x", "team_id": "T8", "user_id": "U1" })), teams(&["T8"]));
    let unreadable = RawRequest { body: "{".into(), ..request("app/slack", &Value::Null) };
    assert_eq!(Slack.locate(&unreadable), Ok(teams(&[])));
}

#[test]
fn what_belongs_to_another_workspace_or_app_is_left_out_and_counted() {
    let said = json!({ "type": "message", "channel": "D1", "user": "U1", "ts": "1.2", "text": "x" });
    for (field, value) in [("team_id", "T9"), ("api_app_id", "A9")] {
        let mut body = callback(&said);
        body[field] = value.into();
        let received = decoded(&account(), &body);
        assert_eq!((received.events.len(), received.skipped), (0, 1), "{field}");
    }
    // Installed in a whole organization: the event names the organization, whatever the workspace.
    let mut organization = account();
    organization.settings.insert("team_id".into(), "E1".into());
    let mut body = callback(&said);
    body["enterprise_id"] = "E1".into();
    assert_eq!(decoded(&organization, &body).events.len(), 1);
}

#[test]
fn a_mention_and_its_message_are_one() {
    let said = |kind: &str| json!({ "type": kind, "channel": "C1", "user": "U1", "ts": "1700000000.000100", "text": "<@UBOT0> hi" });
    let (mut message, mut mention) = (callback(&said("message")), callback(&said("app_mention")));
    message["event_id"] = "Ev1".into();
    mention["event_id"] = "Ev2".into();
    let (message, mention) = (decoded(&account(), &message), decoded(&account(), &mention));
    assert_eq!(message.events, mention.events);
    let Inbound::Message { content, .. } = &message.events[0].what else { panic!("{message:?}") };
    assert_eq!(*content, Content::text("hi"));
}

#[test]
fn where_only_mentions_count_others_are_left_alone() {
    let mut account = account();
    account.settings.insert("group_mode".into(), "mentions".into());
    let outcome = |channel: &str, text: &str, parent: Option<&str>| {
        let mut said =
            json!({ "type": "message", "channel": channel, "user": "U1", "ts": "1.2", "text": text });
        if let Some(parent) = parent {
            said["thread_ts"] = "1.1".into();
            said["parent_user_id"] = parent.into();
        }
        decoded(&account, &callback(&said)).events.remove(0).what.name()
    };
    assert_eq!(outcome("C1", "hello everyone", None), "service");
    assert_eq!(outcome("C1", "hello <@UBOT0>", None), "message");
    assert_eq!(outcome("C1", "1002", Some("UBOT0")), "message");
    assert_eq!(outcome("C1", "1002", Some("U2")), "service");
    assert_eq!(outcome("D1", "hello", None), "message");
}

#[test]
fn channels_may_be_answered_outside_threads() {
    let mut account = account();
    let said = json!({ "type": "message", "channel": "C1", "user": "U1", "ts": "1.2", "text": "x" });
    assert_eq!(decoded(&account, &callback(&said)).events[0].thread, "1.2");
    account.settings.insert("reply_in_thread".into(), false.into());
    assert_eq!(decoded(&account, &callback(&said)).events[0].thread, "");
}

#[test]
fn options_that_are_asked_for_are_none() {
    let asked = json!({
        "type": "block_suggestion", "team": { "id": "T0001" }, "user": { "id": "U1" },
        "action_id": "a", "block_id": "b", "value": "x",
    });
    let received = decoded(&account(), &asked);
    assert_eq!(received.reply.content_type, "application/json");
    assert_eq!(&received.reply.body[..], br#"{"options":[]}"#);
}

#[test]
fn an_account_that_lacks_something_says_what() {
    let part = botbuilder_adapter_kit::Part {
        message: botbuilder_domain::MessageId::new(Uuid::nil()),
        index: 0,
        to: "U1".into(),
        thread: String::new(),
        content: Content::text("hi"),
        reply_to: None,
    };
    let http = Slack.http().unwrap();
    let mut bare = account();
    bare.credentials = Credentials::default();
    assert!(http.encode(&bare, &part).unwrap_err().to_string().contains("bot_token"));
    let mut plain = account();
    plain.settings.insert("base_url".into(), "http://slack.example".into());
    assert!(http.encode(&plain, &part).unwrap_err().to_string().contains("base_url"));
    let request = http.encode(&account(), &part).unwrap().remove(0);
    assert!(matches!(request.body, RequestBody::Json(_)) && request.bearer.is_some());
    assert!(http.encode_typing(&account(), "U1").unwrap().is_none());
    assert!(http.encode_mark_read(&account(), "U1", "C1:1.2").unwrap().is_none());
}
