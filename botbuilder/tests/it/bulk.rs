//! Messages to many at once, and messages that are sent again.

use botbuilder_testkit::{
    fake::{Behaviour, Fault},
    platform::{TestPlatform, eventually, execute},
};
use serde_json::{Value, json};

async fn post(platform: &TestPlatform, path: &str, body: &Value) -> Value {
    let token = format!("Bearer {}", platform.acme().seeded.token.expose());
    let answer = platform
        .post(path, &[("authorization", &token), ("content-type", "application/json")], body.to_string())
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["data"].clone()
}

async fn channel(platform: &TestPlatform, kind: &str) -> Value {
    let channels = platform.rows(&format!("SELECT id FROM channels WHERE type = '{kind}'")).await;
    channels[0]["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reaches_everybody_it_may_in_its_turns_and_replies_go_before_it() {
    const MANY: usize = 300;
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let telegram = channel(&platform, "telegram").await;
    // Fifty in a second: the whole batch takes six.
    execute(
        &platform.pool,
        "UPDATE channels SET settings = settings || '{\"limits\": {\"messages_per_second\": 50, \"burst\": 5, \
             \"recipient_seconds\": 0}}' WHERE type = 'telegram'",
    )
    .await;
    acme.telegram.say(7, "hello").await.expect("taken");
    acme.telegram_replies(7, 1).await;
    platform.settled().await;
    let greeting = acme.telegram.conversation("7").len();
    execute(&platform.pool, "UPDATE channel_contacts SET consent = 'opted_out' WHERE external_id = '7'")
        .await;

    let mut messages: Vec<Value> =
        (0..MANY).map(|person| json!({ "to": (1000 + person).to_string() })).collect();
    messages.push(json!({ "to": "7", "text": "not wanted" }));
    messages.push(json!({ "contact_id": "00000000-0000-7000-8000-000000000000" }));
    let batch = json!({ "channel_id": telegram, "text": "We open at nine.", "messages": messages });
    let begun = std::time::Instant::now();
    let taken = post(&platform, "/v1/messages/batch", &batch).await;
    assert_eq!(taken["accepted"].as_array().map(Vec::len), Some(MANY));
    let refused: Vec<&str> =
        taken["refused"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(refused, ["opted_out", "unknown_contact"]);
    let last = &taken["accepted"][MANY - 1];
    assert!(last["due_at"].as_str() > taken["first_due_at"].as_str());

    // A person who writes meanwhile is answered before the batch is through.
    acme.telegram.say(8, "hello").await.expect("taken");
    acme.telegram_replies(8, greeting).await;
    assert!(
        acme.telegram.conversation(&(1000 + MANY - 1).to_string()).is_empty(),
        "the batch takes its turns"
    );

    let path = taken["operation"].as_str().expect("an address").to_owned();
    let done = eventually("the batch is done", async || {
        let answer = platform.get(&path, &acme.seeded.token).await.json();
        (answer["data"]["status"] == "done").then_some(answer)
    })
    .await;
    assert_eq!(done["data"]["total"], MANY);
    assert!(begun.elapsed().as_millis() >= 5_500, "faster than the account's rate: {:?}", begun.elapsed());
    for person in 0..MANY {
        let told = acme.telegram.conversation(&(1000 + person).to_string());
        assert_eq!(told.len(), 1, "person {person}");
        assert_eq!(told[0].text.as_deref(), Some("We open at nine."));
    }
    assert_eq!(acme.telegram.conversation("7").len(), greeting, "who wants nothing gets nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opts_out_while_a_batch_is_sent_gets_nothing_more() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let telegram = channel(&platform, "telegram").await;
    // One in four seconds.
    execute(
        &platform.pool,
        "UPDATE channels SET settings = settings || '{\"limits\": {\"messages_per_second\": 0.25, \"burst\": 1}}' \
         WHERE type = 'telegram'",
    )
    .await;
    let messages = [json!({ "to": "1000" }), json!({ "to": "1001" }), json!({ "to": "1002" })];
    let batch = json!({ "channel_id": telegram, "text": "News", "messages": messages });
    let taken = post(&platform, "/v1/messages/batch", &batch).await;
    execute(&platform.pool, "UPDATE channel_contacts SET consent = 'opted_out' WHERE external_id = '1001'")
        .await;
    execute(
        &platform.pool,
        "UPDATE channel_contacts SET blocked_at = now(), blocked_by = 'us' WHERE external_id = '1002'",
    )
    .await;
    for (index, code) in [(1, "opted_out"), (2, "contact_blocked")] {
        let id = taken["accepted"][index]["message_id"].as_str().expect("accepted").to_owned();
        let query = format!(
            "SELECT error_code, attempts FROM channel_messages WHERE id = '{id}' AND status = 'failed'"
        );
        let failed = eventually("it failed", async || platform.rows(&query).await.pop()).await;
        assert_eq!((&failed["error_code"], &failed["attempts"]), (&json!(code), &json!(0)));
    }
    assert_eq!(acme.telegram.conversation("1000").len(), 1);
    assert!(acme.telegram.conversation("1001").is_empty() && acme.telegram.conversation("1002").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_window_a_contact_gets_no_batch() {
    let platform = TestPlatform::start().await;
    let whatsapp = channel(&platform, "whatsapp").await;
    let batch = json!({ "channel_id": whatsapp, "text": "News", "messages": [{ "to": "4915111" }] });
    let taken = post(&platform, "/v1/messages/batch", &batch).await;
    assert_eq!(taken["refused"][0]["code"], "window_closed");
    assert_eq!(
        platform.count("SELECT count(*) FROM outbox_events WHERE event_type = 'message.bulk'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_failed_is_sent_again_by_hand() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let next = [Fault::Refuse].into();
    acme.telegram.set_behaviour(Behaviour { next, ..Behaviour::default() });
    acme.telegram.say(42, "hello").await.expect("taken");
    let failed = "SELECT id, status, attempts FROM channel_messages WHERE status = 'failed'";
    let failed = eventually("a message failed", async || platform.rows(failed).await.pop()).await;
    let id = failed["id"].as_str().expect("an id").to_owned();
    let before = acme.telegram.conversation("42").len();

    let again = format!("/v1/messages/{id}/retry");
    let answer = post(&platform, &again, &json!({})).await;
    assert_eq!(answer["status"], "queued");
    acme.telegram_replies(42, before + 1).await;
    platform.settled().await;
    let trail = platform.get(&format!("/v1/messages/{id}/trail"), &acme.seeded.token).await.json();
    let stages: Vec<&str> = trail["data"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["stage"].as_str())
        .collect();
    let replayed = stages.iter().position(|stage| *stage == "replayed").expect("its replay is in the trail");
    assert!(
        stages[..replayed].contains(&"refused") && stages[replayed..].contains(&"accepted"),
        "{stages:?}"
    );

    let token = format!("Bearer {}", acme.seeded.token.expose());
    let twice =
        platform.post(&again, &[("authorization", &token), ("content-type", "application/json")], "{}").await;
    assert_eq!(twice.status, 409, "a message that was sent is not sent again: {twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_one_contact_however_it_is_typed() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let whatsapp = channel(&platform, "whatsapp").await;
    // The network leaves out Brazil's ninth digit; the person wants no such messages.
    let (body, signature) = acme.text("555187654321", "wamid.br", "hello");
    let path = acme.whatsapp_path();
    let header = botbuilder_testkit::fake::whatsapp::SIGNATURE_HEADER;
    assert_eq!(platform.post(&path, &[(header, &signature)], body).await.status, 200);
    acme.whatsapp_replies("5551987654321", 1).await;
    platform.settled().await;
    execute(&platform.pool, "UPDATE channel_contacts SET consent = 'opted_out'").await;

    let template = json!({ "kind": "template", "name": "news", "language": "en_US" });
    let to = |number: &str| json!({ "to": number, "content": template });
    let typed =
        ["+55 51 8765-4321", "0055 (51) 98765 4321", "+52 55 1234 5678", "5215512345678", "52-55-1234-5678"];
    let batch = json!({ "channel_id": whatsapp, "messages": typed.map(to) });
    let taken = post(&platform, "/v1/messages/batch", &batch).await;
    let codes: Vec<&str> =
        taken["refused"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["opted_out", "opted_out"], "{taken}");
    let accepted = taken["accepted"].as_array().unwrap();
    assert_eq!(accepted.len(), 3, "{taken}");
    assert!(accepted.iter().all(|one| one["contact_id"] == accepted[0]["contact_id"]), "{taken}");
    let contacts = platform.rows("SELECT external_id FROM channel_contacts ORDER BY external_id").await;
    assert_eq!(
        contacts,
        [json!({ "external_id": "5215512345678" }), json!({ "external_id": "5551987654321" })]
    );

    // Who is made by hand is the same one, too.
    let token = format!("Bearer {}", acme.seeded.token.expose());
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let contact = json!({ "channel_id": whatsapp, "external_id": "+52 1 55 1234 5678" });
    assert_eq!(platform.post("/v1/contacts", &headers, contact.to_string()).await.status, 409);
    let contact = json!({ "channel_id": whatsapp, "external_id": "+54 9 11 2345-6789" });
    let made = platform.post("/v1/contacts", &headers, contact.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["data"]["external_id"], "5491123456789");
}
