//! What every channel has to pass, for this one.

use std::path::Path;

use botbuilder_adapter_kit::{Account, Channel as _, RequestBody, account::Credentials, contract::Contract};
use botbuilder_adapter_telegram::{SECRET_HEADER, Telegram};
use botbuilder_domain::{ChannelId, ChannelKind, OrgId, Secret};
use serde_json::{Map, Value, json};
use uuid::Uuid;

fn account() -> Account {
    let credentials = json!({ "bot_token": "7000000001:token-for-tests" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind: ChannelKind::Telegram,
        public_id: "main".into(),
        provider_account_id: None,
        settings: Map::new(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new("secret_token_for_tests".into())],
    }
}

fn contract() -> Contract<'static> {
    let message = |mut message: Value| {
        message["message_id"] = 1.into();
        message["chat"] = json!({ "id": 42, "type": "private" });
        json!({ "update_id": 1, "message": message })
    };
    Contract {
        channel: &Telegram,
        fixtures: Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")),
        account: account(),
        sign: |secret, _| (SECRET_HEADER.into(), secret.expose().clone()),
        beside: &[],
        as_sent: |body| body,
        covers_body: false,
        unknown: vec![
            json!({ "update_id": 1, "hologram": { "marker": 1 } }),
            json!({ "update_id": 1, "message": "marker" }),
            json!({ "update_id": 1, "message": { "text": "marker, in no chat" } }),
            json!({ "update_id": 1, "callback_query": { "id": "marker" } }),
            json!({ "update_id": 1, "message_reaction": ["marker"] }),
            message(json!({ "hologram": "marker" })),
            message(json!({ "poll": { "question": "marker" } })),
            message(json!({ "photo": "marker" })),
            message(json!({ "location": "marker" })),
        ],
        batch: None,
    }
}

#[test]
fn the_contract_is_kept() {
    contract().is_kept();
}

#[test]
fn typing_is_shown_and_a_tap_is_answered() {
    let http = Telegram.http().unwrap();
    let json_of = |request: botbuilder_adapter_kit::ProviderRequest| match request.body {
        RequestBody::Json(body) => (request.shown_as, body),
        other => panic!("{other:?}"),
    };
    let (url, body) = json_of(http.encode_typing(&account(), "-100123").unwrap().unwrap());
    assert_eq!(url, "https://api.telegram.org/bot…/sendChatAction");
    assert_eq!(body, json!({ "chat_id": -100_123, "action": "typing" }));
    let (url, body) =
        json_of(http.encode_mark_read(&account(), "42", "4382bfdwdsb323b2d9").unwrap().unwrap());
    assert_eq!(url, "https://api.telegram.org/bot…/answerCallbackQuery");
    assert_eq!(body, json!({ "callback_query_id": "4382bfdwdsb323b2d9" }));
    assert!(http.encode_mark_read(&account(), "42", "42:7").unwrap().is_none());
    let nothing = botbuilder_adapter_kit::Show { seen: false, typing: false };
    let shown = |id| http.encode_seen(&account(), "42", id, nothing).unwrap().len();
    assert_eq!((shown("4382bfdwdsb323b2d9"), shown("42:7")), (1, 0), "a button waits for its answer");
}
