//! Recorded conversations by the API, and secrets of flows.

use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, Input, Session, Settings,
    recording::{Recording, settle},
    step,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Server, id};

fn flow(said: &str) -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "position": { "x": 0, "y": 0 }, "data": {} },
            { "id": "ask", "type": "question", "position": { "x": 0, "y": 1 }, "data": { "text": "Name?", "variable": "name" } },
            { "id": "say", "type": "message", "position": { "x": 0, "y": 2 }, "data": { "text": said } },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "ask", "port": "next" },
            { "id": "e2", "source": "ask", "target": "say", "port": "next" },
        ],
        "variables": [{ "name": "name" }],
    })
}

/// A conversation with a published flow, recorded as the runtime records it.
async fn recorded(server: &Server, version: Uuid, definition: &Value, address: &str) -> Uuid {
    let (org, conversation, contact) = (server.acme.org.uuid(), id(), id());
    let bot = Bot::new(VersionId::new(version), definition, Settings::default()).expect("a flow");
    let kept = bot.circumstances();
    sqlx::query(
        "INSERT INTO channel_contacts (id, organization_id, channel_id, external_id) VALUES ($1, $2, $3, $4)",
    )
    .bind(contact)
    .bind(org)
    .bind(server.acme.telegram.uuid())
    .bind(address)
    .execute(&server.pool)
    .await
    .expect("a contact");
    sqlx::query(
        "INSERT INTO conversations (id, organization_id, channel_id, contact_id, bot_id, state_version, recorded_version,
             last_message_at) VALUES ($1, $2, $3, $4, $5, 2, 2, now())",
    )
    .bind(conversation)
    .bind(org)
    .bind(server.acme.telegram.uuid())
    .bind(contact)
    .bind(server.bot())
    .execute(&server.pool)
    .await
    .expect("a conversation");
    sqlx::query(
        "INSERT INTO turn_circumstances (organization_id, digest, document, used_at) VALUES ($1, $2, $3, now())
         ON CONFLICT DO NOTHING",
    )
    .bind(org)
    .bind(kept.digest.as_slice())
    .bind(&kept.json)
    .execute(&server.pool)
    .await
    .expect("circumstances");
    let mut session = Session::default();
    for (number, text) in (1..).zip(["hi", "Ada"]) {
        let now = chrono::DateTime::from_timestamp(number.into(), 0).expect("an instant");
        let (input, json) = settle(Input::text(text));
        let recording = Recording::begin(&bot, &session, json, (number == 1).then(|| json!({})));
        let sprint = step(&bot, session, input, now);
        let record = recording.end(&bot, &sprint);
        session = sprint.session;
        sqlx::query(
            "INSERT INTO conversation_turns (id, created_at, organization_id, conversation_id, version_id,
                 circumstances_id, number, at, input, before, digest)
             SELECT k, app.uuid_v7_ts(k), $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM (SELECT app.uuid_v7() AS k) i",
        )
        .bind(org)
        .bind(conversation)
        .bind(version)
        .bind(kept.digest.as_slice())
        .bind(number)
        .bind(now)
        .bind(record.input)
        .bind(record.before)
        .bind(record.digest.0.as_slice())
        .execute(&server.pool)
        .await
        .expect("a turn");
    }
    conversation
}

#[tokio::test]
async fn recorded_conversations_are_played_again_and_become_tests() {
    let server = Server::start().await;
    let flows = format!("/v1/bots/{}/flows", server.bot());
    let definition = flow("Hello {{ name }}!");
    let made =
        server.post(&flows, json!({ "name": "Greeting", "draft_definition": definition })).await.expect(201);
    let item = format!("{flows}/{}", made.id());
    server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    let version: Uuid = sqlx::query_scalar("SELECT published_version_id FROM bot_flows WHERE id = $1::uuid")
        .bind(made.id().parse::<Uuid>().expect("an id"))
        .fetch_one(&server.pool)
        .await
        .expect("a version");
    let conversation = recorded(&server, version, &definition, "ada").await;
    recorded(&server, version, &definition, "bob").await;

    let path = format!("/v1/flows/{}/replay", made.id());
    let same = server.post(&path, json!({ "against": "recorded" })).await.expect(200);
    assert_eq!(same.data()["conversations"], 2);
    assert_eq!(same.data()["steps"], 4);
    assert_eq!(same.data()["strayed"], json!([]));
    let draft = server.post(&path, json!({})).await.expect(200);
    assert_eq!((&draft.data()["different"], &draft.data()["lost"]), (&json!(0), &json!(0)));
    let other = json!({ "definition": flow("Welcome {{ name }}!"), "conversations": [conversation] });
    let other = server.post(&path, other).await.expect(200);
    assert_eq!(other.data()["different"], 1);
    let step = &other.data()["differences"][0]["steps"][0];
    assert_eq!(step["step"], 1);
    assert_eq!(step["said"]["before"][0]["text"], "Hello Ada!");
    assert_eq!(step["said"]["after"][0]["text"], "Welcome Ada!");

    let test = format!("/v1/conversations/{conversation}/as-test");
    let test = server.post(&test, json!({ "name": "a greeting" })).await.expect(200);
    assert_eq!(
        (&test.data()["is_faithful"], &test.data()["flow"]["name"]),
        (&json!(true), &json!("Greeting"))
    );
    let steps = &test.data()["case"]["steps"];
    assert_eq!(steps[1], json!({ "say": "Ada", "expect": [{ "text": "Hello Ada!" }] }));

    // With the contact goes what was recorded of it.
    let contact: Uuid = sqlx::query_scalar("SELECT contact_id FROM conversations WHERE id = $1")
        .bind(conversation)
        .fetch_one(&server.pool)
        .await
        .expect("a contact");
    server.post(&format!("/v1/contacts/{contact}/erase"), json!({})).await.expect(200);
    assert_eq!(server.count("SELECT count(*) FROM conversation_turns").await, 2);
    let test = format!("/v1/conversations/{conversation}/as-test");
    assert_eq!(server.post(&test, json!({})).await.expect(409).code(), "not_recorded");
}

#[tokio::test]
async fn a_secret_is_kept_and_never_shown() {
    let server = Server::start().await;
    let bot = server.bot();
    let made =
        json!({ "name": "shop_key", "value": "canary-value", "bot_id": bot, "description": "of the shop" });
    let made = server.post("/v1/secrets", made).await.expect(201);
    let again = json!({ "name": "shop_key", "value": "another", "bot_id": bot });
    server.post("/v1/secrets", again).await.expect(409);
    server.post("/v1/secrets", json!({ "name": "shop_key", "value": "of everybody" })).await.expect(201);
    for value in ["", "two\nlines"] {
        server.post("/v1/secrets", json!({ "name": "other", "value": value })).await.expect(400);
    }
    let item = format!("/v1/secrets/{}", made.id());
    server.post(&format!("{item}/set"), json!({ "value": "canary-second" })).await.expect(200);
    for path in
        [item.clone(), "/v1/secrets".to_owned(), format!("/v1/bots/{bot}/export"), "/v1/audit".to_owned()]
    {
        let shown = server.get(&path).await.expect(200);
        assert!(!shown.body.to_string().contains("canary"), "{path}: {}", shown.body);
    }
    assert_eq!(server.get("/v1/secrets").await.expect(200).data().as_array().map(Vec::len), Some(2));
    server.delete(&item).await.expect(204);
    server.get(&item).await.expect(404);
}
