//! Providers that misbehave.

use std::time::Duration;

use botbuilder_testkit::{
    fake::{Behaviour, Delivered, Fault, StatusBehaviour},
    platform::{Options, TestPlatform, eventually, execute},
};
use serde_json::Value;

async fn platform() -> TestPlatform {
    let options =
        Options { flow: super::echo_flow(), provider_timeout: Duration::from_secs(1), ..Options::default() };
    TestPlatform::with(options).await
}

/// The one message that was written to somebody.
async fn message_to(platform: &TestPlatform, to: &str) -> Option<Value> {
    let query = format!(
        "SELECT m.status, m.attempts, m.error_code, m.error_message, m.uncertain_at FROM channel_messages m \
         JOIN channel_contacts c ON c.id = m.contact_id \
         WHERE m.direction = 'outbound' AND c.external_id = '{to}' ORDER BY m.id LIMIT 1"
    );
    platform.rows(&query).await.pop()
}

async fn message_with(platform: &TestPlatform, to: &str, status: &str) -> Value {
    eventually(&format!("the message to {to} is {status}"), async || {
        message_to(platform, to).await.filter(|message| message["status"] == status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_chat_waits_as_told_and_holds_no_other_chat_back() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::Throttle].into();
    acme.telegram.set_behaviour(Behaviour { next, retry_after_s: 4, ..Behaviour::default() });
    acme.telegram.say(42, "one").await.expect("taken");
    eventually("the request is throttled", async || {
        acme.telegram.counters().faults.contains_key("throttle").then_some(())
    })
    .await;
    acme.telegram.say(42, "two").await.expect("taken");
    acme.telegram.say(43, "hello").await.expect("taken");

    acme.telegram_replies(43, 1).await;
    assert!(acme.telegram.conversation("42").is_empty(), "it waits as long as it was told");
    let replies = acme.telegram_replies(42, 2).await;
    assert!(texts(&replies)[0].contains("one") && texts(&replies)[1].contains("two"), "{replies:?}");
    let message = message_with(&platform, "42", "sent").await;
    // To be told to wait is no attempt.
    assert_eq!((&message["attempts"], &message["error_code"]), (&1.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_account_waits_as_told_with_all_its_conversations_in_order() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::Throttle].into();
    // Longer than a message is held in memory: they are put aside.
    acme.whatsapp.set_behaviour(Behaviour { next, retry_after_s: 8, ..Behaviour::default() });
    acme.whatsapp.say("491511", "one").await.expect("taken");
    let parked = "SELECT partition_key FROM outbox_events WHERE event_type LIKE 'message.%ed' \
                  AND published_at IS NULL AND available_at > now()";
    eventually("the message is put aside", async || (platform.rows(parked).await.len() == 1).then_some(()))
        .await;
    for (from, text) in [("491511", "two"), ("491511", "three"), ("491512", "one"), ("491512", "two")] {
        acme.whatsapp.say(from, text).await.expect("taken");
    }
    eventually("all are put aside", async || (platform.rows(parked).await.len() == 5).then_some(())).await;
    // Another account does not notice.
    acme.telegram.say(42, "hello").await.expect("taken");
    acme.telegram_replies(42, 1).await;
    assert!(
        acme.whatsapp.conversation("491511").is_empty() && acme.whatsapp.conversation("491512").is_empty()
    );

    let replies = acme.whatsapp_replies("491511", 3).await;
    for (reply, word) in texts(&replies).iter().zip(["one", "two", "three"]) {
        assert!(reply.contains(word), "{replies:?}");
    }
    let replies = acme.whatsapp_replies("491512", 2).await;
    assert!(texts(&replies)[0].contains("one") && texts(&replies)[1].contains("two"), "{replies:?}");
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_hold_messages_until_they_work_again() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::Refuse].into();
    acme.whatsapp.set_behaviour(Behaviour { next, refuse_code: Some(190), ..Behaviour::default() });
    acme.whatsapp.say("491511", "one").await.expect("taken");
    let health = async |wanted: &str| {
        eventually(&format!("the channel is {wanted}"), async || {
            let query =
                "SELECT health, error_code FROM channels WHERE type = 'whatsapp' AND health <> 'unknown'";
            platform.rows(query).await.pop().filter(|channel| channel["health"] == wanted)
        })
        .await
    };
    assert_eq!(health("down").await["error_code"], "credentials_refused");
    acme.whatsapp.say("491511", "two").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 2).await;
    assert!(texts(&replies)[0].contains("one") && texts(&replies)[1].contains("two"), "{replies:?}");
    assert_eq!(health("healthy").await["error_code"], Value::Null);
    message_with(&platform, "491511", "read").await;
}

fn texts(replies: &[Delivered]) -> Vec<&str> {
    replies.iter().map(|reply| reply.text.as_deref().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn message_is_sent_again_after_errors_that_pass() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::ServerError, Fault::ThrottleSilently].into();
    acme.whatsapp.set_behaviour(Behaviour { next, ..Behaviour::default() });
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    let message = message_with(&platform, "491511", "read").await;
    assert_eq!((&message["attempts"], &message["error_code"]), (&2.into(), &Value::Null));
    assert_eq!(acme.whatsapp.conversation("491511").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_without_an_answer_is_uncertain_and_never_sent_again() {
    for fault in [Fault::HangAfterAccept, Fault::ResetAfterAccept, Fault::Hang] {
        let mut platform = platform().await;
        platform.expected.uncertain = 1;
        let acme = platform.acme();
        let statuses = StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() };
        let next = [fault].into();
        acme.whatsapp.set_behaviour(Behaviour { next, statuses, ..Behaviour::default() });
        acme.whatsapp.say("491511", "one").await.expect("taken");
        eventually("the sending is uncertain", async || {
            message_to(&platform, "491511").await.filter(|message| message["uncertain_at"].is_string())
        })
        .await;
        // The conversation goes on behind it.
        acme.whatsapp.say("491511", "two").await.expect("taken");
        let arrived = if fault == Fault::Hang { 1 } else { 2 };
        acme.whatsapp_replies("491511", arrived).await;
        platform.settled().await;
        let replies = acme.whatsapp.conversation("491511");
        assert_eq!(replies.len(), arrived, "{fault:?}: {replies:?}");
        let message = message_to(&platform, "491511").await.expect("the first message");
        assert_eq!((&message["status"], &message["attempts"]), (&"queued".into(), &1.into()), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_message_fails_with_its_reason_and_the_conversation_goes_on() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::Refuse].into();
    acme.whatsapp.set_behaviour(Behaviour { next, refuse_code: Some(131_047), ..Behaviour::default() });
    acme.whatsapp.say("491511", "one").await.expect("taken");
    let message = message_with(&platform, "491511", "failed").await;
    assert_eq!(message["attempts"], 1);
    assert_eq!(message["error_code"], "window_closed", "{message}");
    assert!(message["error_message"].is_string());

    acme.whatsapp.say("491511", "two").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 1).await;
    assert!(replies[0].text.as_deref().is_some_and(|text| text.contains("two")), "{replies:?}");
    let refused = "SELECT count(*) FROM message_events WHERE stage = 'refused' AND provider_code = '131047'";
    assert_eq!(platform.count(refused).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn person_who_blocked_the_bot_gets_nothing_and_others_do() {
    let platform = platform().await;
    let acme = platform.acme();
    acme.telegram.set_behaviour(Behaviour { unreachable: vec!["42".to_owned()], ..Behaviour::default() });
    acme.telegram.say(42, "hello").await.expect("taken");
    acme.telegram.say(43, "hello").await.expect("taken");
    acme.telegram_replies(43, 1).await;
    let message = message_with(&platform, "42", "failed").await;
    assert_eq!(
        (&message["attempts"], &message["error_code"]),
        (&1.into(), &"recipient_gone".into()),
        "{message}"
    );
    let blocked = async || {
        let query = "SELECT blocked_by FROM channel_contacts WHERE external_id = '42'";
        platform.rows(query).await.pop().expect("the contact")["blocked_by"].clone()
    };
    assert_eq!(blocked().await, "them", "the contact is known to have blocked the account");

    // Who writes has unblocked the account, and is answered.
    acme.telegram.set_behaviour(Behaviour::default());
    acme.telegram.say(42, "again").await.expect("taken");
    acme.telegram_replies(42, 1).await;
    assert_eq!(blocked().await, Value::Null);
}

/// Messages that were put aside.
const PARKED: &str = "SELECT partition_key FROM outbox_events WHERE event_type = 'message.parked' \
                      AND published_at IS NULL";

/// Sets the status of a network's channel, as an operator does.
async fn set_status(platform: &TestPlatform, kind: &str, status: &str) {
    let change = format!("UPDATE channels SET status = '{status}' WHERE type = '{kind}'");
    execute(&platform.pool, &change).await;
    platform.gateway.accounts.forget();
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_account_hears_everything_and_says_it_when_it_goes_on() {
    let platform = platform().await;
    let acme = platform.acme();
    set_status(&platform, "telegram", "paused").await;
    for text in ["one", "two"] {
        acme.telegram.say(42, text).await.expect("taken");
    }
    eventually("both wait", async || (platform.rows(PARKED).await.len() == 2).then_some(())).await;
    let message = message_to(&platform, "42").await.expect("the first message");
    assert_eq!((&message["status"], &message["attempts"]), (&"queued".into(), &0.into()), "{message}");
    // Another account does not notice.
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    assert!(acme.telegram.conversation("42").is_empty());

    set_status(&platform, "telegram", "active").await;
    let replies = acme.telegram_replies(42, 2).await;
    assert!(texts(&replies)[0].contains("one") && texts(&replies)[1].contains("two"), "{replies:?}");
    assert_eq!(message_with(&platform, "42", "sent").await["attempts"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_account_sends_nothing_more_until_it_is_activated() {
    let platform = platform().await;
    let acme = platform.acme();
    let next = [Fault::Refuse].into();
    acme.whatsapp.set_behaviour(Behaviour { next, refuse_code: Some(131_048), ..Behaviour::default() });
    acme.whatsapp.say("491511", "one").await.expect("taken");
    let query = "SELECT status, health, error_code FROM channels WHERE type = 'whatsapp'";
    let channel = eventually("the channel is stopped", async || {
        platform.rows(query).await.pop().filter(|channel| channel["status"] == "error")
    })
    .await;
    assert_eq!((&channel["health"], &channel["error_code"]), (&"down".into(), &"account_stopped".into()));
    acme.whatsapp.say("491511", "two").await.expect("taken");
    acme.whatsapp.say("491512", "three").await.expect("taken");
    eventually("all wait", async || (platform.rows(PARKED).await.len() == 3).then_some(())).await;
    assert_eq!(platform.count("SELECT count(*) FROM message_events WHERE stage = 'attempt'").await, 1);
    let told = "SELECT count(*) FROM outbox_events WHERE topic = 'events' AND payload::text LIKE '%channel.stopped%'";
    assert_eq!(platform.count(told).await, 1);

    set_status(&platform, "whatsapp", "active").await;
    let replies = acme.whatsapp_replies("491511", 2).await;
    assert!(texts(&replies)[0].contains("one") && texts(&replies)[1].contains("two"), "{replies:?}");
    acme.whatsapp_replies("491512", 1).await;
}
