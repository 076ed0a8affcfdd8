//! Branches of versions, and conversations that change their version.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Server, flow};

/// A flow that asks for a name under this node, and says it.
fn asking(node: &str) -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": node, "type": "question", "data": { "text": "Your name?", "variable": "name" } },
            { "id": "hello", "type": "message", "data": { "text": "Hello {{ name }}" } },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": node },
            { "id": "e2", "source": node, "target": "hello" },
        ],
        "variables": [{ "name": "name" }],
    })
}

/// A published flow: its address, its id.
async fn published(server: &Server, definition: Value) -> (String, String) {
    let path = format!("/v1/bots/{}/flows", server.bot());
    let made =
        server.post(&path, json!({ "name": "Second", "draft_definition": definition })).await.expect(201);
    let item = format!("{path}/{}", made.id());
    server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    (item, made.id())
}

async fn redraft(server: &Server, item: &str, definition: Value) -> Answer {
    server.patch(item, "*", json!({ "draft_definition": definition })).await.expect(200)
}

#[tokio::test]
async fn a_branch_is_begun_worked_on_and_merged() {
    let server = Server::start().await;
    let (item, id) = published(&server, flow()).await;
    let branches = format!("/v1/versions/bot_flow/{id}/branches");
    server.post(&branches, json!({ "name": "spring", "version": 9 })).await.expect(400);
    let branch = server.post(&branches, json!({ "name": "spring" })).await.expect(201);
    server.post(&branches, json!({ "name": "spring" })).await.expect(409);
    assert_eq!(branch.data()["base_version_id"], branch.data()["head_version_id"]);
    let branch = format!("{branches}/{}", branch.id());

    // The branch changes the text, the draft gets another node.
    let mut theirs = flow();
    theirs["nodes"][1]["data"]["text"] = json!("good day");
    let mut broken = theirs.clone();
    broken["nodes"][1]["type"] = json!("no kind");
    let refused = server.post(&format!("{branch}/commit"), json!({ "data": broken })).await.expect(422);
    assert_eq!(refused.code(), "flow_invalid");
    let commit = json!({ "data": theirs, "message": "politer" });
    let version = server.post(&format!("{branch}/commit"), commit).await.expect(201);
    assert_eq!((&version.data()["version"], &version.data()["message"]), (&json!(2), &json!("politer")));
    let mut ours = flow();
    ours["nodes"][2]["position"] = json!({ "x": 7 });
    ours["nodes"][1]["data"]["text"] = json!("hi");
    redraft(&server, &item, ours).await;

    let compared = server.get(&format!("{branch}/compare")).await.expect(200);
    assert_eq!(compared.data()["branch"]["nodes"]["changed"], json!([{ "id": "hello", "keys": ["data"] }]));
    assert_eq!(compared.data()["conflicts"][0]["path"], "nodes.hello.data.text");
    let refused = server.post(&format!("{branch}/merge"), json!({})).await.expect(409);
    assert_eq!(refused.code(), "merge_conflict");
    let expected =
        json!([{ "path": "nodes.hello.data.text", "base": "hello", "ours": "hi", "theirs": "good day" }]);
    assert_eq!(refused.body["conflicts"], expected);
    let choices = json!({ "choices": { "nodes.hello.data.text": "theirs" } });
    let merged = server.post(&format!("{branch}/merge"), choices.clone()).await.expect(200);
    assert_eq!(merged.data()["branch"]["status"], "merged");
    assert_eq!(merged.data()["version"], 3);
    let draft = server.get(&item).await.expect(200).data()["draft_definition"].clone();
    assert_eq!(draft["nodes"][1]["data"]["text"], "good day");
    assert_eq!(draft["nodes"][2]["position"], json!({ "x": 7 }));
    assert_eq!(server.post(&format!("{branch}/merge"), choices).await.expect(409).code(), "wrong_state");
    let list = server.get(&branches).await.expect(200);
    assert_eq!(list.data().as_array().map(Vec::len), Some(1));

    let second = server.post(&branches, json!({ "name": "summer", "version": 1 })).await.expect(201);
    let second = format!("{branches}/{}", second.id());
    server.delete(&second).await.expect(204);
    assert_eq!(server.delete(&second).await.expect(409).code(), "wrong_state");
}

/// A conversation that waits at a node of a version.
async fn waiting(server: &Server, version: Uuid, state: &Value, address: &str) -> Uuid {
    let channel = server.acme.telegram.uuid();
    let org = server.acme.org.uuid();
    let (contact, conversation) = (crate::harness::id(), crate::harness::id());
    sqlx::query(
        "INSERT INTO channel_contacts (id, organization_id, channel_id, external_id) VALUES ($1, $2, $3, $4)",
    )
    .bind(contact)
    .bind(org)
    .bind(channel)
    .bind(address)
    .execute(&server.pool)
    .await
    .expect("a contact");
    sqlx::query(
        "INSERT INTO conversations (id, organization_id, channel_id, contact_id, bot_id, active_version_id, \
         runtime_state, state_version) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)",
    )
    .bind(conversation)
    .bind(org)
    .bind(channel)
    .bind(contact)
    .bind(server.bot())
    .bind(version)
    .bind(state)
    .execute(&server.pool)
    .await
    .expect("a conversation");
    conversation
}

#[tokio::test]
async fn conversations_are_counted_moved_and_ended_politely() {
    let server = Server::start().await;
    let (item, id) = published(&server, asking("ask")).await;
    let version =
        format!("SELECT id FROM entity_versions WHERE entity_id = '{id}' ORDER BY version DESC LIMIT 1");
    let newest = async || -> Uuid {
        sqlx::query_scalar(sqlx::AssertSqlSafe(version.clone()))
            .fetch_one(&server.pool)
            .await
            .expect("a version")
    };
    let old = newest().await;
    redraft(&server, &item, asking("question")).await;
    server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    let new = newest().await;

    let state = json!({
        "schema": 1, "version": old, "node": "ask", "wait": { "retries": 0 }, "sprints": 1, "ended": false,
    });
    let mut asking_outside = state.clone();
    asking_outside["pending"] = json!({ "question": 1, "until": "2030-01-01T00:00:00Z", "spent": {
        "since": "2030-01-01T00:00:00Z", "steps": 0, "messages": 0, "asks": 1, "tokens": 0, "micros": 0, "cost": 0 } });
    let at_rest = waiting(&server, old, &state, "1").await;
    waiting(&server, old, &asking_outside, "2").await;

    let migrate = format!("/v1/flows/{id}/migrate");
    let lost = server.post(&migrate, json!({ "from": 1, "to": 2 })).await.expect(422);
    assert_eq!((lost.code(), &lost.body["problems"][0]["node"]), ("map_invalid", &json!("ask")));
    server.post(&migrate, json!({ "from": 1, "to": 7 })).await.expect(400);
    let map = json!({ "ask": { "node": "question" } });
    let ask = |dry: bool, map: &Value| json!({ "from": 1, "to": 2, "map": map, "dry_run": dry, "farewell": "Good bye" });
    let dry = server.post(&migrate, ask(true, &map)).await.expect(200);
    let expected = json!({
        "conversations": 2, "moves": { "ask": { "question": 1 } }, "ends": {}, "stays": { "ask": 1 }, "went_on": 0,
    });
    assert_eq!((&dry.data()["counts"], &dry.data()["is_complete"]), (&expected, &json!(true)));
    let on_old = async || {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM conversations WHERE active_version_id = $1")
            .bind(old)
            .fetch_one(&server.pool)
            .await
            .expect("a number")
    };
    assert_eq!(on_old().await, 2, "a dry run changes nothing");
    assert_eq!(server.post(&migrate, ask(false, &map)).await.expect(200).data()["counts"], expected);
    assert_eq!(on_old().await, 1);
    let (version, node, steps): (Uuid, String, i32) = sqlx::query_as(
        "SELECT active_version_id, runtime_state ->> 'node', state_version FROM conversations WHERE id = $1",
    )
    .bind(at_rest)
    .fetch_one(&server.pool)
    .await
    .expect("the conversation");
    assert_eq!((version, node.as_str(), steps), (new, "question", 2));
    assert_eq!(server.count("SELECT count(*) FROM channel_messages").await, 0, "nobody was sent away");

    let ended = waiting(&server, old, &state, "3").await;
    let gone = server.post(&migrate, ask(false, &json!({ "ask": "end" }))).await.expect(200);
    assert_eq!(gone.data()["counts"]["ends"], json!({ "ask": 1 }));
    let said: Vec<(Uuid, Option<String>)> =
        sqlx::query_as("SELECT conversation_id, text FROM channel_messages")
            .fetch_all(&server.pool)
            .await
            .expect("messages");
    assert_eq!(said, [(ended, Some("Good bye".to_owned()))]);
}

#[tokio::test]
async fn an_event_is_queued_for_its_conversation() {
    let server = Server::start().await;
    let (_, id) = published(&server, asking("ask")).await;
    let version: Uuid = sqlx::query_scalar("SELECT published_version_id FROM bot_flows WHERE id = $1")
        .bind(id.parse::<Uuid>().expect("an id"))
        .fetch_one(&server.pool)
        .await
        .expect("a version");
    let conversation = waiting(&server, version, &json!({}), "1").await;
    let path = format!("/v1/conversations/{conversation}/events");
    server.post(&path, json!({ "name": "" })).await.expect(400);
    server.post(&path, json!({ "name": "a", "data": "x".repeat(20_000) })).await.expect(400);
    let body = json!({ "name": "order.paid", "data": { "order": 7 }, "key": "payment-1" });
    server.post(&path, body).await.expect(202);
    let queued: Value =
        sqlx::query_scalar("SELECT payload -> 'body' FROM outbox_events WHERE topic = 'inbound'")
            .fetch_one(&server.pool)
            .await
            .expect("a record");
    assert_eq!(queued["dedupe"], format!("event:{conversation}:payment-1"));
    assert_eq!(queued["sender"]["address"], "1");
    assert_eq!(queued["what"]["name"], "order.paid");
    assert_eq!(queued["what"]["data"], json!({ "order": 7 }));
}

#[tokio::test]
async fn a_draft_is_played_without_sending() {
    let server = Server::start().await;
    let (item, id) = published(&server, asking("ask")).await;
    let body = json!({ "steps": [
        { "say": "hi", "expect": [{ "text": "Your name?" }] },
        { "say": "Ada", "expect": [{ "text": "Hello Eve" }, { "variable": { "name": "Ada" } }] },
    ] });
    for path in [format!("/v1/flows/{id}/simulate"), format!("{item}/test-run")] {
        let played = server.post(&path, body.clone()).await.expect(200);
        let steps = &played.data()["steps"];
        assert_eq!(steps[0]["failures"], json!([]));
        assert_eq!(steps[1]["said"][0]["text"], "Hello Ada");
        assert_eq!(steps[1]["failures"].as_array().map(Vec::len), Some(1));
        assert_eq!((&steps[1]["path"], &steps[1]["ended"]), (&json!(["hello"]), &json!(true)));
    }
    let other = json!({ "definition": { "schema": 1 }, "steps": [] });
    assert_eq!(
        server.post(&format!("/v1/flows/{id}/simulate"), other).await.expect(422).code(),
        "flow_invalid"
    );
    let tap = json!({ "steps": [{ "tap": "Yes" }] });
    let refused = server.post(&format!("/v1/flows/{id}/simulate"), tap).await.expect(400);
    assert_eq!(refused.body["field"], "steps[0]");
    assert_eq!(server.count("SELECT count(*) FROM channel_messages").await, 0);
}

#[tokio::test]
async fn a_bot_is_sent_a_message_to_see_what_it_says() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/test-message", server.bot());
    let hi = json!({ "text": "hi" });
    let (_, id) = published(&server, asking("ask")).await;
    sqlx::query("UPDATE bot_flows SET is_default = false").execute(&server.pool).await.expect("no default");
    assert_eq!(server.post(&path, hi.clone()).await.expect(409).code(), "wrong_state");
    let default = sqlx::query("UPDATE bot_flows SET is_default = true WHERE id = $1::uuid").bind(&id);
    default.execute(&server.pool).await.expect("a default");
    let said = server.post(&path, hi).await.expect(200);
    assert_eq!(said.data()["said"][0]["text"], "Your name?");
    assert_eq!(said.data()["ended"], false);
    assert_eq!(server.post(&path, json!({ "text": "" })).await.expect(400).body["field"], "text");
    assert_eq!(server.count("SELECT count(*) FROM channel_messages").await, 0);
}

#[tokio::test]
async fn an_orchestration_is_played_and_started_in_a_conversation() {
    let server = Server::start().await;
    let (_, first) = published(&server, asking("ask")).await;
    let path = format!("/v1/bots/{}/flows", server.bot());
    let draft = json!({ "name": "Third", "draft_definition": asking("again") });
    let second = server.post(&path, draft).await.expect(201).id();
    let new = json!({ "bot_id": server.bot(), "name": "Both", "entry_flow_id": first });
    let id = server.post("/v1/orchestrations", new).await.expect(201).id();
    let item = format!("/v1/orchestrations/{id}");
    let way = json!({ "from_flow_id": first, "to_flow_id": second, "trigger_type": "on_complete", "trigger_value": {} });
    server.post(&format!("{item}/transitions"), way).await.expect(201);

    // The second flow is not published: its draft is played.
    let steps = json!({ "steps": [{ "say": "hi" }, { "say": "Ada" }, { "say": "Bea" }] });
    let played = server.post(&format!("{item}/simulate"), steps.clone()).await.expect(200);
    let steps_played = &played.data()["steps"];
    assert_eq!(steps_played[1]["path"], json!(["hello", "start", "again"]));
    assert_eq!(
        (&steps_played[2]["said"][0]["text"], &steps_played[2]["ended"]),
        (&json!("Hello Bea"), &json!(true))
    );
    let mut with_draft = steps;
    with_draft["definition"] = asking("ask");
    server.post(&format!("{item}/simulate"), with_draft).await.expect(400);

    let version: Uuid =
        sqlx::query_scalar("SELECT id FROM entity_versions WHERE entity_type = 'bot_flow' LIMIT 1")
            .fetch_one(&server.pool)
            .await
            .expect("a version");
    let conversation = waiting(&server, version, &json!({}), "1").await;
    let start = json!({ "conversation_id": conversation, "payload": "from-the-campaign" });
    let early = server.post(&format!("{item}/execute"), start.clone()).await.expect(409);
    assert_eq!((early.code(), &early.body["state"]), ("wrong_state", &json!("draft")));
    let refused = server.post(&format!("{item}/activate"), json!({})).await.expect(422);
    assert_eq!(
        (refused.code(), &refused.body["problems"][0]["field"]),
        ("orchestration_invalid", &json!("to_flow_id"))
    );
    server.post(&format!("{path}/{second}/publish"), json!({})).await.expect(200);
    server.post(&format!("{item}/activate"), json!({})).await.expect(200);
    let size =
        json!({ "name": "size", "value_type": "number", "is_required": true, "validation": { "min": 36 } });
    server.post(&format!("{item}/variables"), size).await.expect(201);
    let execute = format!("{item}/execute");
    let faulty = server.post(&execute, start.clone()).await.expect(400);
    assert_eq!(faulty.body["field"], "variables.size");
    let mut start = start;
    for (given, field) in [
        (json!({ "size": 35 }), "variables.size"),
        (json!({ "size": "large" }), "variables.size"),
        (json!({ "size": 40, "color": "red" }), "variables.color"),
    ] {
        start["variables"] = given;
        assert_eq!(server.post(&execute, start.clone()).await.expect(400).body["field"], field);
    }
    start["variables"] = json!({ "size": 40 });
    let run = server.post(&execute, start).await.expect(202);
    assert_eq!((&run.data()["status"], &run.data()["orchestration_id"]), (&json!("running"), &json!(id)));
    let queued: Value =
        sqlx::query_scalar("SELECT payload -> 'body' -> 'what' FROM outbox_events WHERE topic = 'inbound'")
            .fetch_one(&server.pool)
            .await
            .expect("a record");
    let told = json!({ "payload": "from-the-campaign", "variables": { "size": 40 } });
    assert_eq!((&queued["data"], &run.data()["input"]), (&told, &told));
    // Nobody else begins it by an event of that name.
    let name = json!({ "name": queued["name"] });
    let forged = server.post(&format!("/v1/conversations/{conversation}/events"), name).await.expect(400);
    assert_eq!(forged.body["field"], "name");
    let other = json!({ "conversation_id": Uuid::nil() });
    server.post(&format!("{item}/execute"), other).await.expect(400);
}
