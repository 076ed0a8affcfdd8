//! What providers report about messages: forward only, in whatever order and number it comes.

use botbuilder_testkit::{
    fake::{Behaviour, Fault, StatusBehaviour, whatsapp::SIGNATURE_HEADER},
    platform::{Options, Organization, TestPlatform, eventually},
};
use serde_json::{Value, json};

/// Reports as WhatsApp writes them; without our tag, which not every provider has.
async fn report(platform: &TestPlatform, acme: &Organization, to: &str, id: &str, words: &[&str]) {
    let status = |word: &&str| {
        let mut status = json!({ "id": id, "status": word, "timestamp": "1700000000", "recipient_id": to });
        if *word == "failed" {
            status["errors"] = json!([{ "code": 131_026, "title": "Message undeliverable" }]);
        }
        status
    };
    let statuses: Vec<Value> = words.iter().map(status).collect();
    let (body, signature) = acme.notification(&json!({ "statuses": statuses }));
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
}

fn silent() -> Behaviour {
    Behaviour {
        statuses: StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() },
        ..Behaviour::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_in_every_order_end_in_the_highest_state() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let acme = platform.acme();
    acme.whatsapp.set_behaviour(silent());
    let cases: [(&[&str], &str); 12] = [
        (&["sent"], "sent"),
        (&["delivered", "sent"], "delivered"),
        (&["sent", "delivered", "read"], "read"),
        (&["sent", "read", "delivered"], "read"),
        (&["delivered", "sent", "read"], "read"),
        (&["delivered", "read", "sent"], "read"),
        (&["read", "sent", "delivered"], "read"),
        (&["read", "delivered", "sent"], "read"),
        (&["sent", "sent", "delivered", "delivered", "sent"], "delivered"),
        (&["failed", "sent"], "failed"),
        // With several devices one may fail and another not.
        (&["failed", "delivered"], "delivered"),
        (&["delivered", "failed"], "delivered"),
    ];
    for (number, (words, _)) in cases.iter().enumerate() {
        let to = format!("49151{number:02}");
        acme.whatsapp.say(&to, "hello").await.expect("taken");
        let id = acme.whatsapp_replies(&to, 1).await[0].id.clone();
        // Half of them in one request, half each in its own.
        if number % 2 == 0 {
            report(&platform, acme, &to, &id, words).await;
        } else {
            for word in *words {
                report(&platform, acme, &to, &id, &[word]).await;
            }
        }
    }
    platform.settled().await;
    for (number, (words, wanted)) in cases.iter().enumerate() {
        let to = format!("49151{number:02}");
        let id = acme.whatsapp.conversation(&to)[0].id.clone();
        let found = platform
            .rows(&format!(
                "SELECT status, sent_at, delivered_at, read_at, error_code FROM channel_messages \
                 WHERE provider_message_id = '{id}'"
            ))
            .await;
        assert_eq!(found.len(), 1, "{words:?}");
        assert_eq!(found[0]["status"], *wanted, "{words:?}");
        // Each instant is kept, although a later state came first.
        for (word, instant) in [("delivered", "delivered_at"), ("read", "read_at")] {
            assert_eq!(found[0][instant].is_string(), words.contains(&word), "{words:?}: {}", found[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_and_reordered_callbacks_end_in_the_same_state() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let acme = platform.acme();
    acme.whatsapp.set_behaviour(Behaviour {
        seed: 7,
        statuses: StatusBehaviour {
            duplicate_percent: 100.0,
            reorder_percent: 100.0,
            ..StatusBehaviour::default()
        },
        ..Behaviour::default()
    });
    for number in 0..20 {
        acme.whatsapp.say(&format!("49151{number:02}"), "hello").await.expect("taken");
    }
    eventually("twenty messages were read", async || {
        let read = "SELECT count(*) FROM channel_messages WHERE status = 'read'";
        (platform.count(read).await == 20).then_some(())
    })
    .await;
    platform.settled().await;
    let entries = platform.count("SELECT count(*) FROM message_events WHERE stage = 'status'").await;
    assert_eq!(entries, 60, "each state of each message is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn report_about_a_message_that_is_not_there_yet_is_put_off_and_applied() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let acme = platform.acme();
    acme.whatsapp.set_behaviour(silent());
    // The fake numbers what it accepts, so the id of the first message is known before it is written.
    report(&platform, acme, "491511", "wamid.fake.1", &["delivered"]).await;
    let parked = "SELECT count(*) FROM outbox_events WHERE event_type = 'event.parked'";
    eventually("the report is put off", async || (platform.count(parked).await == 1).then_some(())).await;

    acme.whatsapp.say("491511", "hello").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 1).await;
    assert_eq!(replies[0].id, "wamid.fake.1");
    eventually("the report is applied", async || {
        let rows = platform.rows("SELECT status FROM channel_messages WHERE direction = 'outbound'").await;
        (rows.len() == 1 && rows[0]["status"] == "delivered").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_settles_a_message_whose_sending_is_uncertain() {
    let platform = TestPlatform::with(Options {
        flow: super::echo_flow(),
        provider_timeout: std::time::Duration::from_secs(1),
        ..Options::default()
    })
    .await;
    let acme = platform.acme();
    // Accepted and reported, but our own request is never answered.
    let next = [Fault::HangAfterAccept].into();
    let statuses = StatusBehaviour { delay_ms: 2_500, ..StatusBehaviour::default() };
    acme.whatsapp.set_behaviour(Behaviour { next, statuses, ..Behaviour::default() });
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    let uncertain = "SELECT count(*) FROM channel_messages WHERE uncertain_at IS NOT NULL";
    eventually("the sending is uncertain", async || (platform.count(uncertain).await == 1).then_some(()))
        .await;
    eventually("the message was read", async || {
        let rows = platform
            .rows("SELECT status, uncertain_at, attempts FROM channel_messages WHERE direction = 'outbound'")
            .await;
        (rows == [json!({ "status": "read", "uncertain_at": null, "attempts": 1 })]).then_some(())
    })
    .await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn instagram_reports_the_last_message_that_was_seen_and_those_before_it_were_seen_too() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let instagram = &platform.acme().instagram;
    for (count, person) in [(1, "7001"), (2, "7001"), (3, "7001"), (1, "7002")] {
        instagram.say(person, "hello").await.expect("taken");
        platform.acme().instagram_replies(person, count).await;
    }
    platform.settled().await;
    let second = instagram.conversation("7001")[1].id.clone();
    // Twice, as it may come.
    instagram.see("7001", &second).await.expect("taken");
    instagram.see("7001", &second).await.expect("taken");
    let states = "SELECT m.status, c.external_id FROM channel_messages m JOIN channel_contacts c ON c.id = m.contact_id \
                  WHERE m.direction = 'outbound' ORDER BY c.external_id, m.created_at, m.id";
    let wanted = [("read", "7001"), ("read", "7001"), ("sent", "7001"), ("sent", "7002")];
    let wanted: Vec<Value> =
        wanted.iter().map(|(status, person)| json!({ "status": status, "external_id": person })).collect();
    eventually("two of four are read", async || (platform.rows(states).await == wanted).then_some(())).await;
    let told = "SELECT count(*) FROM message_events WHERE stage = 'status' AND detail ->> 'status' = 'read'";
    assert_eq!(platform.count(told).await, 2);
    platform.settled().await;
}
