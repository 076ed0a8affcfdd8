//! People of WhatsApp by each of their addresses: numbers in their spellings, and business-scoped ids.

use botbuilder_testkit::{
    fake::{Behaviour, StatusBehaviour, whatsapp::SIGNATURE_HEADER},
    platform::{Options, TestPlatform, eventually, execute},
};
use serde_json::{Value, json};

fn echoing() -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "text": "You said: {{input.text}}" } },
        ],
        "edges": [{ "source": "start", "port": "next", "target": "say" }],
    })
}

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: echoing(), user_ids: true, ..Options::default() }).await
}

/// A text of somebody who is named by number alone.
async fn says(platform: &TestPlatform, from: &str, id: &str, text: &str) {
    let acme = platform.acme();
    let (body, signature) = acme.text(from, id, text);
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
}

async fn contacts(platform: &TestPlatform) -> i64 {
    platform.count("SELECT count(*) FROM channel_contacts WHERE deleted_at IS NULL").await
}

#[tokio::test(flavor = "multi_thread")]
async fn scoped_id_that_an_answer_names_is_the_contacts_from_then_on() {
    let platform = platform().await;
    let acme = platform.acme();
    // No report names the person: only the answer to our message does.
    let statuses = StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() };
    acme.whatsapp.set_behaviour(Behaviour { statuses, ..Behaviour::default() });
    says(&platform, "491511234567", "wamid.1", "hello").await;
    acme.whatsapp_replies("491511234567", 1).await;
    eventually("the scoped id", async || {
        let named = "SELECT count(*) FROM channel_contacts \
                     WHERE external_id = '491511234567' AND alt_external_id = 'US.491511234567'";
        (platform.count(named).await == 1).then_some(())
    })
    .await;
    acme.whatsapp.say_without_number("491511234567", "it is me").await.expect("a webhook");
    acme.whatsapp_replies("491511234567", 2).await;
    assert_eq!(contacts(&platform).await, 1);
    assert_eq!(platform.count("SELECT count(*) FROM conversations").await, 1);
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_of_another_spelling_is_found_by_whoever_comes_with_id_and_number() {
    let platform = platform().await;
    let acme = platform.acme();
    // As contacts were kept before numbers had one spelling.
    says(&platform, "5215512345678", "wamid.1", "hello").await;
    acme.whatsapp_replies("5215512345678", 1).await;
    platform.settled().await;
    execute(&platform.pool, "DELETE FROM channel_contact_addresses").await;
    let older = "UPDATE channel_contacts SET external_id = '525512345678', alt_external_id = NULL";
    execute(&platform.pool, older).await;
    acme.whatsapp.say("5215512345678", "it is me").await.expect("a webhook");
    eventually("the second message", async || {
        let count = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(count).await == 2).then_some(())
    })
    .await;
    platform.settled().await;
    assert_eq!(contacts(&platform).await, 1);
    assert_eq!(platform.count("SELECT count(*) FROM conversations").await, 1);
    acme.whatsapp.say_without_number("5215512345678", "and again").await.expect("a webhook");
    eventually("the third", async || {
        let count = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(count).await == 3).then_some(())
    })
    .await;
    platform.settled().await;
    assert_eq!(contacts(&platform).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contacts_become_one_when_somebody_comes_under_both_addresses() {
    let platform = platform().await;
    let acme = platform.acme();
    let statuses = StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() };
    acme.whatsapp.set_behaviour(Behaviour { statuses, ..Behaviour::default() });
    says(&platform, "491511234567", "wamid.1", "hello").await;
    acme.whatsapp_replies("491511234567", 1).await;
    platform.settled().await;
    // Nobody has told yet that they are one.
    execute(&platform.pool, "UPDATE channel_contacts SET alt_external_id = NULL").await;
    execute(&platform.pool, "DELETE FROM dedupe_keys WHERE key LIKE 'named:%'").await;
    acme.whatsapp.say_without_number("491511234567", "hello").await.expect("a webhook");
    eventually("two messages", async || {
        let count = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(count).await == 2).then_some(())
    })
    .await;
    acme.whatsapp.say("491511234567", "it is me").await.expect("a webhook");
    eventually("one contact", async || (contacts(&platform).await == 1).then_some(())).await;
    platform.settled().await;
    let of_it = "SELECT count(DISTINCT contact_id) FROM channel_messages";
    assert_eq!(platform.count(of_it).await, 1);
    assert_eq!(platform.count("SELECT count(*) FROM conversations WHERE status <> 'closed'").await, 1);
}
