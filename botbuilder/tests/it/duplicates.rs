//! What comes again changes nothing.

use std::sync::Arc;

use botbuilder_testkit::{
    fake::{telegram, whatsapp::SIGNATURE_HEADER},
    platform::{Options, TestPlatform},
};
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
