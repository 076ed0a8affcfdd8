//! What comes again changes nothing.

use std::sync::Arc;

use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::{
    fake::{instagram, slack, telegram, whatsapp::SIGNATURE_HEADER},
    platform::{Options, Organization, TestPlatform},
};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_copies_at_once_make_one_message_and_one_reply() {
    const COPIES: usize = 50;
    let platform =
        Arc::new(TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await);
    let acme = platform.acme();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let path = acme.whatsapp_path();
    let mut copies = JoinSet::new();
    for _ in 0..COPIES {
        let (platform, path, body, signature) =
            (Arc::clone(&platform), path.clone(), body.clone(), signature.clone());
        copies.spawn(
            async move { platform.post(&path, &[(SIGNATURE_HEADER, &signature)], &body).await.status },
        );
    }
    let statuses = copies.join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    acme.whatsapp_replies("491511", 1).await;
    platform.settled().await;

    assert_eq!(platform.appended("inbound").await - 3, COPIES as u64, "each copy, and three reports");
    assert_eq!(acme.whatsapp.conversation("491511").len(), 1);
    for direction in ["inbound", "outbound"] {
        let query = format!("SELECT count(*) FROM channel_messages WHERE direction = '{direction}'");
        assert_eq!(platform.count(&query).await, 1, "{direction}");
    }
    let told = platform.count("SELECT count(*) FROM message_events WHERE stage = 'deduplicated'").await;
    assert_eq!(usize::try_from(told), Ok(COPIES - 1));
    let counted = platform.rows("SELECT inbound_count, outbound_count FROM channel_contacts").await;
    assert_eq!(counted, [serde_json::json!({ "inbound_count": 1, "outbound_count": 1 })]);
}

/// A path, headers and a body.
type Callback = (String, Vec<(&'static str, String)>, String);

/// A callback of each network but WhatsApp.
fn callbacks(acme: &Organization) -> [Callback; 3] {
    let (update, secret) = telegram::message_webhook(&acme.telegram_secret, 1, 42, "hello");
    let workspace = slack::Options::default();
    let event = json!({
        "type": "event_callback", "team_id": workspace.team_id, "api_app_id": workspace.app_id, "event_id": "Ev1",
        "event": {
            "type": "message", "channel": "D1", "channel_type": "im", "user": "U0ADA", "text": "hello",
            "ts": "1800000000.000001",
        },
    })
    .to_string();
    let stamp = SystemClock.now().timestamp().to_string();
    let signing = Secret::new("signing-secret-of-acme".to_owned());
    let signed = slack::sign(&signing, &stamp, event.as_bytes());
    let account = instagram::Options::default().ig_user_id;
    let item = json!({
        "object": "instagram",
        "entry": [{ "id": account, "time": 1_800_000_000_000_i64, "messaging": [{
            "sender": { "id": "7001" }, "recipient": { "id": account }, "timestamp": 1_800_000_000_000_i64,
            "message": { "mid": "m.1", "text": "hello" },
        }] }],
    })
    .to_string();
    let proof = meta::sign(&Secret::new("instagram-secret-of-acme".to_owned()), item.as_bytes());
    let path = |id: &str| format!("/hooks/{id}");
    [
        (acme.telegram_path(), vec![(telegram::SECRET_HEADER, secret)], update),
        (
            path(&acme.seeded.slack_public_id),
            vec![(slack::SIGNATURE_HEADER, signed), (slack::TIMESTAMP_HEADER, stamp)],
            event,
        ),
        (path(&acme.seeded.instagram_public_id), vec![(instagram::SIGNATURE_HEADER, proof)], item),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_copies_at_once_are_one_on_the_other_networks_too() {
    const COPIES: usize = 50;
    let platform =
        Arc::new(TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await);
    // The fake answers nobody whom it has not heard of, and these callbacks are not its own.
    platform.acme().instagram.set_heard("7001", SystemClock.now());
    let mut copies = JoinSet::new();
    for (path, headers, body) in callbacks(platform.acme()) {
        for _ in 0..COPIES {
            let (platform, path, headers, body) =
                (Arc::clone(&platform), path.clone(), headers.clone(), body.clone());
            copies.spawn(async move {
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                platform.post(&path, &headers, body).await.status
            });
        }
    }
    let statuses = copies.join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let acme = platform.acme();
    acme.telegram_replies(42, 1).await;
    acme.slack_replies("U0ADA", 1).await;
    acme.instagram_replies("7001", 1).await;
    platform.settled().await;
    let told = [
        acme.telegram.conversation("42"),
        acme.slack.conversation("U0ADA"),
        acme.instagram.conversation("7001"),
    ];
    assert_eq!(told.map(|replies| replies.len()), [1, 1, 1]);
    for kind in ["telegram", "slack", "instagram"] {
        let of = |what: &str| {
            format!(
                "SELECT count(*) FROM {what} JOIN channels c ON c.id = {what}.channel_id WHERE c.type = '{kind}'"
            )
        };
        assert_eq!(platform.count(&of("conversations")).await, 1, "{kind}");
        let messages = of("channel_messages");
        for direction in ["inbound", "outbound"] {
            let query = format!("{messages} AND direction = '{direction}'");
            assert_eq!(platform.count(&query).await, 1, "{kind}, {direction}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn update_that_comes_again_after_its_answer_is_not_answered_again() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let acme = platform.acme();
    let (body, secret) = telegram::message_webhook(&acme.telegram_secret, 1, 42, "hello");
    for _ in 0..3 {
        let answer = platform.post(&acme.telegram_path(), &[(telegram::SECRET_HEADER, &secret)], &body).await;
        assert_eq!(answer.status, 200);
        acme.telegram_replies(42, 1).await;
        platform.settled().await;
    }
    assert_eq!(acme.telegram.conversation("42").len(), 1);
    // The same text under another id is another message.
    let (body, secret) = telegram::message_webhook(&acme.telegram_secret, 2, 42, "hello");
    platform.post(&acme.telegram_path(), &[(telegram::SECRET_HEADER, &secret)], &body).await;
    acme.telegram_replies(42, 2).await;
}
