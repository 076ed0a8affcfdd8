//! What every channel has to pass, for this one.

use std::path::Path;

use botbuilder_adapter_kit::{
    Account, Channel as _, Locator, RawRequest, Rejection, Webhook as _,
    account::Credentials,
    contract::{Batch, Contract},
};
use botbuilder_adapter_meta as meta;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{ChannelId, ChannelKind, OrgId, Secret};
use serde_json::{Value, json};
use uuid::Uuid;

const NUMBER: &str = "106540352242922";

fn account() -> Account {
    let settings = json!({ "phone_number_id": NUMBER });
    let credentials = json!({ "access_token": "access-token-for-tests", "verify_token": "verify-me" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind: ChannelKind::Whatsapp,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().unwrap().clone(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new("app_secret_for_tests".into())],
    }
}

fn body(value: &Value) -> Value {
    let mut value = value.clone();
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": NUMBER });
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": value }] }],
    })
}

fn contract() -> Contract<'static> {
    let message = |message: Value| body(&json!({ "messages": [message] }));
    Contract {
        channel: &Whatsapp,
        fixtures: Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")),
        account: account(),
        sign: |secret, body| (meta::HEADER.into(), meta::sign(secret, body)),
        beside: &[],
        as_sent: |body| body,
        covers_body: true,
        unknown: vec![
            message(json!({ "id": "m1", "from": "1", "type": "hologram", "hologram": "marker" })),
            message(
                json!({ "id": "m1", "from": "1", "type": "interactive", "interactive": { "type": "marker" } }),
            ),
            message(json!({ "id": "m1", "from": "1", "type": "image", "image": "marker" })),
            message(json!({ "id": "m1", "from": "1", "marker": 1 })),
            message(json!({ "id": "m1", "type": "text", "text": { "body": "marker, from nobody" } })),
            body(&json!({ "statuses": [{ "id": "m1", "status": "marker", "recipient_id": "1" }] })),
            body(&json!({ "statuses": { "marker": 1 } })),
            body(&json!({ "messages": "marker" })),
            body(&json!({ "holograms": ["marker"] })),
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "marker": [] }] }),
            json!({ "object": "whatsapp_business_account", "entry": [{ "changes": ["marker"] }] }),
            json!({ "object": "marker" }),
        ],
        batch: Some(Batch {
            item: |number| {
                json!({
                    "id": format!("wamid.{number}"), "from": format!("1555{number:07}"),
                    "timestamp": "1700000000", "type": "text", "text": { "body": format!("text {number}") },
                })
            },
            body: |items| body(&json!({ "messages": items })),
        }),
    }
}

#[test]
fn the_contract_is_kept() {
    contract().is_kept();
}

fn request(method: &str, path: &str, query: &str, body: &Value) -> RawRequest {
    RawRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: Vec::new(),
        body: body.to_string().into(),
        received: botbuilder_adapter_kit::contract::RECEIVED,
    }
}

#[test]
fn a_subscription_gets_its_challenge_back() {
    let account = account();
    let asked = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=77%3Cb%3E&hub.verify_token={token}");
        let request = request("GET", "main", &query, &Value::Null);
        let verified = Whatsapp.verify(&account, &request).map_err(Rejection::status)?;
        Ok::<_, u16>(Whatsapp.decode(&account, verified).unwrap())
    };
    let received = asked("verify-me").unwrap();
    assert_eq!((received.reply.status, &received.reply.body[..]), (200, &b"77<b>"[..]));
    assert!(received.reply.content_type.starts_with("text/plain") && received.events.is_empty());
    assert_eq!(asked("other"), Err(403));
}

#[test]
fn an_app_of_many_accounts_is_located_by_phone_number_ids() {
    let metadata = |number: &str| json!({ "value": { "metadata": { "phone_number_id": number } } });
    let body = json!({ "entry": [
        { "id": "waba1", "changes": [metadata("222"), metadata("111"), metadata("222")] },
        { "id": "waba2", "changes": [{ "field": "account_alerts", "value": {} }] },
    ] });
    let located = Whatsapp.locate(&request("POST", "app/whatsapp", "", &body));
    let expected = ["111", "222", "waba2"].map(str::to_owned).to_vec();
    assert_eq!(located, Ok(Locator::ProviderAccounts(expected)));
    let unreadable = RawRequest { body: "{".into(), ..request("POST", "app/whatsapp", "", &Value::Null) };
    assert_eq!(Whatsapp.locate(&unreadable), Ok(Locator::ProviderAccounts(Vec::new())));
}

#[test]
fn what_belongs_to_another_number_is_left_out_and_counted() {
    let mut other = account();
    other.settings.insert("phone_number_id".into(), "999".into());
    let body =
        body(&json!({ "messages": [{ "id": "m", "from": "1", "type": "text", "text": { "body": "x" } }] }));
    let signature = meta::sign(&other.webhook_secrets[0], body.to_string().as_bytes());
    let mut request = request("POST", "main", "", &body);
    request.headers.push((meta::HEADER.into(), signature));
    let verified = Whatsapp.verify(&other, &request).unwrap();
    let received = Whatsapp.decode(&other, verified).unwrap();
    assert_eq!((received.events.len(), received.skipped), (0, 1));
}

#[test]
fn a_read_receipt_names_the_message() {
    let http = Whatsapp.http().unwrap();
    let request = http.encode_mark_read(&account(), "15550001111", "wamid.1").unwrap().unwrap();
    let botbuilder_adapter_kit::RequestBody::Json(body) = request.body else { panic!("no body") };
    assert_eq!(body, json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1" }));
    assert!(http.encode_typing(&account(), "15550001111").unwrap().is_none());
}

#[test]
fn typing_is_shown_by_the_receipt_and_not_without_it() {
    let http = Whatsapp.http().unwrap();
    let shown = |seen, typing| {
        let show = botbuilder_adapter_kit::Show { seen, typing };
        let requests = http.encode_seen(&account(), "15550001111", "wamid.1", show).unwrap();
        let bodies = requests.into_iter().map(|request| match request.body {
            botbuilder_adapter_kit::RequestBody::Json(body) => body,
            _ => panic!("no body"),
        });
        bodies.collect::<Vec<_>>()
    };
    let read = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1" });
    let mut typing = read.clone();
    typing["typing_indicator"] = json!({ "type": "text" });
    assert_eq!(shown(true, false), [read]);
    assert_eq!(shown(true, true), [typing]);
    // Typing always marks the message as read.
    assert_eq!(shown(false, true), [] as [Value; 0]);
}

#[test]
fn an_account_that_lacks_something_says_what() {
    let part = botbuilder_adapter_kit::Part {
        message: botbuilder_domain::MessageId::new(Uuid::nil()),
        index: 0,
        to: "15550001111".into(),
        thread: String::new(),
        content: botbuilder_domain::Content::text("hi"),
        reply_to: None,
    };
    let missing =
        |account: &Account| Whatsapp.http().unwrap().encode(account, &part).unwrap_err().to_string();
    let without = |change: fn(&mut Account)| {
        let mut account = account();
        change(&mut account);
        missing(&account)
    };
    assert!(without(|account| account.credentials = Credentials::default()).contains("access_token"));
    assert!(without(|account| account.settings.clear()).contains("phone_number_id"));
    for url in ["http://graph.example.org", "ftp://127.0.0.1", "x", "https://u:p@h/"] {
        let mut account = account();
        account.settings.insert("base_url".into(), url.into());
        assert!(missing(&account).contains("base_url"), "{url}");
    }
    for version in ["v26/../..", "", ".."] {
        let mut account = account();
        account.settings.insert("api_version".into(), version.into());
        assert!(missing(&account).contains("api_version"), "{version}");
    }
}
