//! What only one network has: threads, topics, blocks that are refused, signatures that grow old.

use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::{
    fake::{Behaviour, Fault, slack, telegram},
    platform::{TestPlatform, eventually},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_slack_refuses_are_sent_as_a_numbered_text_whose_answer_is_understood() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    // The greeting passes, the menu's blocks do not.
    let next = [Fault::None, Fault::Refuse].into();
    let refuse_word = Some("invalid_blocks".to_owned());
    acme.slack.set_behaviour(Behaviour { next, refuse_word, ..Behaviour::default() });
    acme.slack.say("U0ADA", "hello").await.expect("taken");
    let replies = acme.slack_replies("U0ADA", 2).await;
    let menu = replies[1].text.clone().unwrap_or_default();
    assert!(menu.contains("\n1. Order status"), "{menu}");
    assert!(acme.slack.messages()[1].body.get("blocks").is_none());

    acme.slack.say("U0ADA", "1").await.expect("taken");
    let replies = acme.slack_replies("U0ADA", 3).await;
    assert!(replies[2].text.as_deref().is_some_and(|text| text.starts_with("What is your order number?")));
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_told_its_challenge_and_not_believed_when_a_signature_is_old() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let path = format!("/hooks/{}", acme.seeded.slack_public_id);
    let body = json!({ "type": "url_verification", "challenge": "c-123" }).to_string();
    let secret = Secret::new("signing-secret-of-acme".to_owned());
    let post = async |age: i64| {
        let timestamp = (SystemClock.now().timestamp() - age).to_string();
        let signature = slack::sign(&secret, &timestamp, body.as_bytes());
        let headers =
            [(slack::SIGNATURE_HEADER, signature.as_str()), (slack::TIMESTAMP_HEADER, timestamp.as_str())];
        platform.post(&path, &headers, &body).await
    };
    let answer = post(0).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "c-123"));
    assert_eq!(post(600).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_of_a_telegram_group_is_answered_in_the_topic_and_who_spoke_is_kept() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let group = -1_001_234_567_890_i64;
    let update = |number: u64, topic: i64| {
        json!({ "update_id": number, "message": {
            "message_id": number, "date": SystemClock.now().timestamp(), "text": "hello",
            "message_thread_id": topic, "is_topic_message": true,
            "chat": { "id": group, "type": "supergroup", "title": "The team", "is_forum": true },
            "from": { "id": 42, "is_bot": false, "first_name": "Ada" },
        }})
    };
    for (number, topic) in [(1, 15), (2, 16)] {
        let headers = [(telegram::SECRET_HEADER, acme.telegram_secret.as_str())];
        let answer = platform.post(&acme.telegram_path(), &headers, &update(number, topic)).await;
        assert_eq!(answer.status, 200);
    }
    acme.telegram_replies(group, 4).await;
    platform.settled().await;
    let mut topics: Vec<_> =
        acme.telegram.messages().iter().map(|sent| sent.body["message_thread_id"].as_i64()).collect();
    topics.sort_unstable();
    assert_eq!(topics, [Some(15), Some(15), Some(16), Some(16)]);
    assert_eq!(platform.count("SELECT count(*) FROM conversations").await, 2);
    let spoken = "SELECT count(*) FROM channel_messages WHERE payload -> 'speaker' ->> 'id' = '42'";
    assert_eq!(platform.count(spoken).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_that_nobody_takes_is_refused_at_once_and_kept() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let before = acme.telegram.counters().signals;
    let update = json!({ "update_id": 77, "pre_checkout_query": {
        "id": "4711", "currency": "EUR", "total_amount": 550, "invoice_payload": "o7",
        "from": { "id": 42, "is_bot": false, "first_name": "Ada" },
    }});
    let headers = [(telegram::SECRET_HEADER, acme.telegram_secret.as_str())];
    for _ in 0..2 {
        assert_eq!(platform.post(&acme.telegram_path(), &headers, &update).await.status, 200);
    }
    eventually("the answer", async || (acme.telegram.counters().signals > before).then_some(())).await;
    platform.settled().await;
    assert_eq!(acme.telegram.counters().signals, before + 1, "told twice, it is answered once");
    let kept = "SELECT count(*) FROM channel_webhooks WHERE payload ? 'pre_checkout_query'";
    assert_eq!(platform.count(kept).await, 1);
    assert_eq!(platform.count("SELECT count(*) FROM channel_contacts").await, 0);
}
