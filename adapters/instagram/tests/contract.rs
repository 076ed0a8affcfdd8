//! What every channel has to pass, for this one.

use std::path::Path;

use botbuilder_adapter_instagram::Instagram;
use botbuilder_adapter_kit::{
    Account, Channel as _, Locator, Part, RawRequest, Rejection, RequestBody, Webhook as _,
    account::Credentials,
    contract::{Batch, Contract, RECEIVED},
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{ChannelId, ChannelKind, Content, MessageId, OrgId, Secret};
use serde_json::{Value, json};
use uuid::Uuid;

const ACCOUNT: &str = "17841400008460056";
const PERSON: &str = "1254459154682919";

fn account() -> Account {
    let settings = json!({ "ig_user_id": ACCOUNT });
    let credentials = json!({ "access_token": "access-token-for-tests", "verify_token": "verify-me" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind: ChannelKind::Instagram,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().unwrap().clone(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new("app_secret_for_tests".into())],
    }
}

fn item(kind: &str, value: &Value) -> Value {
    json!({
        "sender": { "id": PERSON }, "recipient": { "id": ACCOUNT }, "timestamp": 1_700_000_000_123_i64,
        kind: value,
    })
}

fn body(items: &[Value]) -> Value {
    json!({
        "object": "instagram",
        "entry": [{ "id": ACCOUNT, "time": 1_700_000_000_456_i64, "messaging": items }],
    })
}

fn contract() -> Contract<'static> {
    let one = |kind: &str, value: Value| body(&[item(kind, &value)]);
    Contract {
        channel: &Instagram,
        fixtures: Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")),
        account: account(),
        sign: |secret, body| (meta::HEADER.into(), meta::sign(secret, body)),
        beside: &[],
        as_sent: |body| body,
        covers_body: true,
        unknown: vec![
            one("hologram", json!({ "marker": 1 })),
            one("message", json!({ "mid": "m1", "marker": 1 })),
            one("message", json!({ "mid": "m1", "attachments": [{ "type": "marker" }] })),
            one("message", json!({ "text": "marker, without an id" })),
            one("message", json!("marker")),
            one("postback", json!({ "mid": "marker" })),
            one("reaction", json!({ "mid": "m1", "action": "marker" })),
            one("read", json!({ "marker": 1 })),
            one("message_edit", json!({ "mid": "marker" })),
            body(&[json!({ "sender": { "id": "marker" } })]),
            json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "marker": [] }] }),
            json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "messaging": "marker" }] }),
            json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "changes": ["marker"] }] }),
            json!({ "object": "instagram", "entry": ["marker"] }),
            json!({ "object": "marker" }),
        ],
        batch: Some(Batch {
            item: |number| {
                json!({
                    "sender": { "id": format!("{number}") }, "recipient": { "id": ACCOUNT },
                    "timestamp": 1_700_000_000_000_i64,
                    "message": { "mid": format!("mid.{number}"), "text": format!("text {number}") },
                })
            },
            body: |items| body(&items),
        }),
    }
}

#[test]
fn the_contract_is_kept() {
    contract().is_kept();
}

fn request(method: &str, path: &str, query: &str, body: &Value) -> RawRequest {
    let signature = meta::sign(&account().webhook_secrets[0], body.to_string().as_bytes());
    RawRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: vec![(meta::HEADER.into(), signature)],
        body: body.to_string().into(),
        received: RECEIVED,
    }
}

fn decoded(body: &Value) -> botbuilder_adapter_kit::Received {
    let (account, request) = (account(), request("POST", "main", "", body));
    let verified = Instagram.verify(&account, &request).unwrap();
    Instagram.decode(&account, verified).unwrap()
}

#[test]
fn a_subscription_gets_its_challenge_back() {
    let account = account();
    let asked = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=77%3Cb%3E&hub.verify_token={token}");
        let request = request("GET", "main", &query, &Value::Null);
        let verified = Instagram.verify(&account, &request).map_err(Rejection::status)?;
        Ok::<_, u16>(Instagram.decode(&account, verified).unwrap().reply.body)
    };
    assert_eq!(asked("verify-me").unwrap(), &b"77<b>"[..]);
    assert_eq!(asked("other"), Err(403));
}

#[test]
fn an_app_of_many_accounts_is_located_by_entry_ids() {
    let body = json!({ "object": "instagram", "entry": [{ "id": "2" }, { "id": "1" }, { "id": "2" }] });
    let located = Instagram.locate(&request("POST", "app/instagram", "", &body));
    assert_eq!(located, Ok(Locator::ProviderAccounts(vec!["1".into(), "2".into()])));
}

#[test]
fn what_belongs_to_others_is_left_out_and_counted() {
    let said = item("message", &json!({ "mid": "m1", "text": "x" }));
    let mut elsewhere = body(std::slice::from_ref(&said));
    elsewhere["entry"][0]["id"] = "999".into();
    let received = decoded(&elsewhere);
    assert_eq!((received.events.len(), received.skipped), (0, 1));

    let mut page = body(std::slice::from_ref(&said));
    page["object"] = "page".into();
    let received = decoded(&page);
    assert_eq!((received.events.len(), received.skipped), (0, 1));

    let mut between_others = said;
    between_others["recipient"]["id"] = "777".into();
    let received = decoded(&body(&[between_others]));
    assert_eq!((received.events.len(), received.skipped), (0, 1));
}

#[test]
fn actions_name_the_person() {
    let http = Instagram.http().unwrap();
    let sent = |request: Option<botbuilder_adapter_kit::ProviderRequest>| match request.unwrap().body {
        RequestBody::Json(body) => body,
        other => panic!("{other:?}"),
    };
    let typing = sent(http.encode_typing(&account(), PERSON).unwrap());
    assert_eq!(typing, json!({ "recipient": { "id": PERSON }, "sender_action": "typing_on" }));
    let seen = sent(http.encode_mark_read(&account(), PERSON, "m1").unwrap());
    assert_eq!(seen, json!({ "recipient": { "id": PERSON }, "sender_action": "mark_seen" }));
}

fn part() -> Part {
    Part {
        message: MessageId::new(Uuid::nil()),
        index: 0,
        to: PERSON.into(),
        thread: String::new(),
        content: Content::text("hi"),
        reply_to: None,
    }
}

#[test]
fn either_login_has_its_host_and_sender() {
    let http = Instagram.http().unwrap();
    let url = |account: &Account| http.encode(account, &part()).unwrap().remove(0).shown_as;
    assert_eq!(url(&account()), format!("https://graph.instagram.com/v26.0/{ACCOUNT}/messages"));
    let mut linked = account();
    linked.settings.insert("page_id".into(), "123".into());
    assert_eq!(url(&linked), "https://graph.facebook.com/v26.0/123/messages");
}

#[test]
fn an_account_that_lacks_something_says_what() {
    let http = Instagram.http().unwrap();
    let missing = |change: fn(&mut Account)| {
        let mut account = account();
        change(&mut account);
        http.encode(&account, &part()).unwrap_err().to_string()
    };
    assert!(missing(|account| account.credentials = Credentials::default()).contains("access_token"));
    assert!(missing(|account| account.settings.clear()).contains("ig_user_id"));
    assert!(
        missing(|account| _ = account.settings.insert("api_version".into(), "v1/..".into()))
            .contains("api_version")
    );
}
