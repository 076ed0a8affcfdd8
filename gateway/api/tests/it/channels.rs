//! Channels, contacts, conversations, messages.

use axum::http::Method;
use botbuilder_store::{OrgScope, channels::channels};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::harness::{Server, id};

/// A contact with an open conversation.
async fn talk(server: &Server) -> (String, String) {
    let channel = server.acme.telegram.to_string();
    let contact =
        json!({ "channel_id": channel, "external_id": "1001", "display_name": "Ada", "tags": ["new"] });
    let contact = server.post("/v1/contacts", contact).await.expect(201).id();
    let conversation = id();
    sqlx::query(
        "INSERT INTO conversations (organization_id, id, channel_id, contact_id, bot_id)
         VALUES ($1, $2, $3::uuid, $4::uuid, $5)",
    )
    .bind(server.acme.org.uuid())
    .bind(conversation)
    .bind(server.acme.telegram.uuid())
    .bind(contact.parse::<uuid::Uuid>().expect("an id"))
    .bind(server.acme.bot.uuid())
    .execute(&server.pool)
    .await
    .expect("a conversation");
    (contact, conversation.to_string())
}

#[tokio::test]
async fn a_channel_is_connected_and_its_secrets_never_come_out() {
    let server = Server::start().await;
    let new = json!({
        "type": "telegram", "name": "Shop", "bot_id": server.bot(), "provider_account_id": "4711",
        "credentials": { "bot_token": "very-secret" }, "webhook_secret": "also-secret",
    });
    let made = server.post("/v1/channels", new.clone()).await.expect(201);
    assert_eq!(
        (&made.data()["status"], made.data()["public_id"].as_str().map(str::len)),
        (&json!("pending"), Some(24))
    );
    assert!(!made.body.to_string().contains("secret"), "{made:?}");
    let item = format!("/v1/channels/{}", made.id());
    assert_eq!(
        server.post(&format!("{item}/activate"), json!({})).await.expect(200).data()["status"],
        "active"
    );
    // One account is one channel in the whole database.
    assert_eq!(server.post("/v1/channels", new).await.expect(409).body["field"], "provider_account_id");

    let opened = |server: &Server| {
        let (store, root) = (server.store.clone(), server.root.clone());
        let (scope, id) = (OrgScope::of_service(server.acme.org), made.id().parse().expect("an id"));
        async move {
            let mut tx = store.begin(&scope).await.expect("a transaction");
            channels::open(&mut tx, &scope, &root, id).await.expect("opened").expect("there")
        }
    };
    assert_eq!(opened(&server).await.credentials["bot_token"], "very-secret");
    let rotated = server.post(&format!("{item}/rotate-webhook-secret"), json!({})).await.expect(200);
    let secrets: Vec<String> =
        opened(&server).await.webhook_secrets.iter().map(|one| one.expose().clone()).collect();
    assert_eq!(secrets, [rotated.data()["secret"].as_str().expect("a secret"), "also-secret"]);
    server
        .post(&format!("{item}/rotate-credentials"), json!({ "credentials": { "bot_token": "new" } }))
        .await
        .expect(200);
    assert_eq!(opened(&server).await.credentials["bot_token"], "new");
    let audit = "SELECT count(*) FROM audit_logs WHERE new_values::text LIKE '%secret%' AND resource_type = 'channels'";
    assert_eq!(server.count(audit).await, 0);

    let refused =
        server.post("/v1/channels", json!({ "type": "telegram", "name": "Bare" })).await.expect(201);
    let activate = format!("/v1/channels/{}/activate", refused.id());
    server.post(&activate, json!({})).await.expect(400);
    assert_eq!(
        server.post("/v1/channels", json!({ "type": "discord", "name": "D" })).await.expect(501).code(),
        "not_available"
    );
}

#[tokio::test]
async fn whoever_remembers_channels_is_told_of_changes() {
    let server = Server::start().await;
    let item = format!("/v1/channels/{}", server.acme.telegram);
    let before = server.told();
    server.get(&item).await.expect(200);
    assert_eq!(server.told(), before);
    server.patch(&item, "*", json!({ "name": "Other" })).await.expect(200);
    server.post(&format!("{item}/pause"), json!({})).await.expect(200);
    server.delete(&item).await.expect(204);
    server.post(&format!("{item}/restore"), json!({})).await.expect(200);
    assert_eq!(server.told(), before + 4);
}

#[tokio::test]
async fn a_message_is_rendered_without_being_sent() {
    let server = Server::start().await;
    let path = format!("/v1/channels/{}/preview", server.acme.telegram);
    let text = |text: &str| json!({ "content": { "kind": "text", "text": text } });
    let shown = server.post(&path, text("hello")).await.expect(200);
    assert_eq!(shown.data()["parts"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown.data()["downgrades"], json!([]));
    let long = server.post(&path, text(&"long words ".repeat(900))).await.expect(200);
    assert!(long.data()["parts"].as_array().is_some_and(|parts| parts.len() > 1));
    assert_eq!(long.data()["downgrades"][0]["to"], "several_messages");
    assert_eq!(
        server.post(&path, json!({ "content": { "kind": "nonsense" } })).await.expect(400).body["field"],
        "content"
    );
}

#[tokio::test]
async fn a_person_answers_in_the_place_of_the_bot() {
    let server = Server::start().await;
    let (_, conversation) = talk(&server).await;
    let item = format!("/v1/conversations/{conversation}");
    let sent =
        server.post(&format!("{item}/messages"), json!({ "text": "how can I help?" })).await.expect(202);
    assert_eq!((&sent.data()["status"], &sent.data()["sender_type"]), (&json!("queued"), &json!("agent")));
    assert_eq!(server.get(&item).await.expect(200).data()["mode"], "human");
    let events: Vec<(String, Value)> =
        sqlx::query_as("SELECT topic, payload FROM outbox_events WHERE event_type = 'message.said'")
            .fetch_all(&server.pool)
            .await
            .expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "outbound");
    assert_eq!(events[0].1["body"]["to"], "1001");
    let list = server.get(&format!("{item}/messages?fields=text")).await.expect(200);
    assert_eq!(list.data()[0]["text"], "how can I help?");
    let found = server.get("/v1/messages/search?q=help").await.expect(200);
    assert_eq!(found.data()[0]["id"], sent.data()["id"]);
    server.get("/v1/messages/search").await.expect(400);
    server.get(&format!("/v1/messages/{}/trail", sent.id())).await.expect(200);

    server.post(&format!("/v1/messages/{}/redact", sent.id()), json!({})).await.expect(204);
    let redacted = server.get(&format!("{item}/messages/{}", sent.id())).await.expect(200);
    assert_eq!((&redacted.data()["text"], &redacted.data()["payload"]), (&Value::Null, &json!({})));
    for wrong in
        [json!({}), json!({ "text": "" }), json!({ "text": "a", "content": {} }), json!({ "txt": "a" })]
    {
        server.post(&format!("{item}/messages"), wrong).await.expect(400);
    }
}

#[tokio::test]
async fn a_person_answers_one_message_of_the_conversation() {
    let server = Server::start().await;
    let (_, conversation) = talk(&server).await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let first = server.post(&path, json!({ "text": "how can I help?" })).await.expect(202);
    let quoting = |id: &str| json!({ "text": "as I said", "reply_to_id": id });
    // The network has to know what is pointed at.
    let early = server.post(&path, quoting(&first.id())).await.expect(400);
    assert_eq!(early.body["field"], "reply_to_id");
    sqlx::query("UPDATE channel_messages SET provider_message_id = '1001:7' WHERE id::text = $1")
        .bind(first.id())
        .execute(&server.pool)
        .await
        .expect("the provider's id");
    let second = server.post(&path, quoting(&first.id())).await.expect(202);
    assert_eq!(second.data()["reply_to_id"], first.data()["id"]);
    let sent: Value = sqlx::query_scalar(
        "SELECT payload -> 'body' -> 'what' FROM outbox_events WHERE payload -> 'body' -> 'what' ->> 'message' = $1",
    )
    .bind(second.id())
    .fetch_one(&server.pool)
    .await
    .expect("the record that sends it");
    assert_eq!(sent["reply_to"], "1001:7");
    let of_nobody = "01900000-0000-7000-8000-0000000000aa";
    assert_eq!(server.post(&path, quoting(of_nobody)).await.expect(400).body["field"], "reply_to_id");
}

#[tokio::test]
async fn a_conversation_is_taken_over_released_closed_and_reopened() {
    let server = Server::start().await;
    let (_, conversation) = talk(&server).await;
    let item = format!("/v1/conversations/{conversation}");
    let step = async |action: &str, body: Value| server.post(&format!("{item}/{action}"), body).await;
    assert_eq!(step("take-over", json!({})).await.expect(200).data()["mode"], "human");
    assert_eq!(step("release", json!({})).await.expect(200).data()["mode"], "bot");
    let tagged = step("tag", json!({ "add": ["a", "b"], "remove": ["c"] })).await.expect(200);
    assert_eq!(tagged.data()["tags"], json!(["a", "b"]));
    step("snooze", json!({ "until": "2020-01-01T00:00:00Z" })).await.expect(400);
    assert_eq!(
        step("snooze", json!({ "until": "2999-01-01T00:00:00Z" })).await.expect(200).data()["status"],
        "snoozed"
    );
    step("assign", json!({ "member_id": id() })).await.expect(400);
    step("assign", json!({ "member_id": null })).await.expect(200);
    for body in [json!({}), json!({ "member_id": "x" }), json!({ "member_id": id() })] {
        assert_eq!(step("transfer", body).await.expect(400).body["field"], "member_id");
    }
    let member: String = sqlx::query_scalar("SELECT id::text FROM organization_members LIMIT 1")
        .fetch_one(&server.pool)
        .await
        .expect("a member");
    let handed = step("transfer", json!({ "member_id": member })).await.expect(200);
    assert_eq!(
        (&handed.data()["assigned_member_id"], &handed.data()["mode"]),
        (&json!(member), &json!("human"))
    );
    let queued = step("transfer", json!({ "member_id": null })).await.expect(200);
    assert_eq!(
        (&queued.data()["assigned_member_id"], &queued.data()["mode"]),
        (&Value::Null, &json!("human"))
    );
    let closed = step("close", json!({ "reason": "solved" })).await.expect(200);
    assert_eq!(
        (&closed.data()["status"], &closed.data()["closed_reason"]),
        (&json!("closed"), &json!("solved"))
    );
    assert_eq!(step("take-over", json!({})).await.expect(409).code(), "wrong_state");
    assert_eq!(step("transfer", json!({ "member_id": null })).await.expect(409).code(), "wrong_state");
    assert_eq!(step("messages", json!({ "text": "late" })).await.expect(409).code(), "wrong_state");
    assert_eq!(step("reopen", json!({})).await.expect(200).data()["status"], "open");
}

#[tokio::test]
async fn a_contact_is_found_blocked_exported_and_erased() {
    let server = Server::start().await;
    let (contact, conversation) = talk(&server).await;
    server
        .post(&format!("/v1/conversations/{conversation}/messages"), json!({ "text": "dear Ada" }))
        .await
        .expect(202);
    let item = format!("/v1/contacts/{contact}");
    assert_eq!(
        server.get("/v1/contacts/search?q=ada&tag=new").await.expect(200).data()[0]["id"],
        contact.as_str()
    );
    assert_eq!(server.get("/v1/contacts/search?q=ada&tag=old").await.expect(200).data(), &json!([]));
    let blocked = server.post(&format!("{item}/block"), json!({})).await.expect(200);
    assert!(blocked.data()["blocked_at"].is_string() && blocked.data()["blocked_by"] == "us");
    let unblocked = server.post(&format!("{item}/unblock"), json!({})).await.expect(200);
    assert!(unblocked.data()["blocked_at"].is_null() && unblocked.data()["blocked_by"].is_null());
    assert_eq!(
        server.post(&format!("{item}/opt-out"), json!({})).await.expect(200).data()["consent"],
        "opted_out"
    );
    let tagged =
        server.post(&format!("{item}/tag"), json!({ "add": ["vip"], "remove": ["new"] })).await.expect(200);
    assert_eq!(tagged.data()["tags"], json!(["vip"]));
    let export = server.get(&format!("{item}/export")).await.expect(200);
    assert_eq!(export.data()["messages"][0]["text"], "dear Ada");
    assert_eq!(export.data()["conversations"].as_array().map(Vec::len), Some(1));

    // What was written down beside: a callback that names the contact by number, one of somebody else, and a text that the
    // recognizer read.
    let beside = format!(
        r#"
        INSERT INTO channel_webhooks (organization_id, channel_id, event_type, dedupe_key, signature_valid, payload,
                                      payload_hash, status)
        SELECT '{org}', '{channel}', 'message', said.person, true, said.payload::jsonb, sha256('x'), 'processed'
        FROM (VALUES ('ada', '{{"message": {{"from": {{"id": 1001}}, "text": "I am Ada"}}}}'),
                     ('bob', '{{"message": {{"from": {{"id": 10011}}, "text": "I am Bob, not 1001"}}}}'))
             AS said(person, payload);
        INSERT INTO nlu_logs (id, organization_id, bot_id, conversation_id, text, engine, created_at, review_state)
        SELECT k.id, '{org}', '{bot}', '{conversation}', 'I am Ada', 'none', app.uuid_v7_ts(k.id), 'queued'
        FROM (SELECT app.uuid_v7() AS id) k;
        "#,
        org = server.acme.org.uuid(),
        channel = server.acme.telegram.uuid(),
        bot = server.acme.bot.uuid(),
    );
    sqlx::raw_sql(AssertSqlSafe(beside)).execute(&server.pool).await.expect("rows");

    let token = server.other.token.expose().clone();
    server.call_as(&token, Method::POST, &format!("{item}/erase"), &[], None).await.expect(404);
    assert_eq!(server.post(&format!("{item}/erase"), json!({})).await.expect(200).data()["messages"], 1);
    server.get(&item).await.expect(404);
    let left = "SELECT count(*) FROM channel_contacts WHERE display_name = 'Ada' OR external_id = '1001'";
    assert_eq!(server.count(left).await, 0);
    assert_eq!(server.count("SELECT count(*) FROM channel_messages WHERE text LIKE '%Ada%'").await, 0);
    let unsent =
        "SELECT count(*) FROM channel_messages WHERE status = 'failed' AND error_code = 'contact_erased'";
    assert_eq!(server.count(unsent).await, 1, "what was queued is not sent any more");
    let told = "SELECT count(*) FROM channel_webhooks WHERE payload::text LIKE '%Ada%'";
    assert_eq!(server.count(told).await, 0);
    assert_eq!(
        server.count("SELECT count(*) FROM channel_webhooks WHERE payload::text LIKE '%Bob%'").await,
        1
    );
    let read = "SELECT count(*) FROM nlu_logs WHERE text <> '' OR review_state = 'queued'";
    assert_eq!(server.count(read).await, 0);
}

#[tokio::test]
async fn erasing_somebody_leaves_the_callbacks_of_others() {
    let server = Server::start().await;
    let channel = server.acme.telegram.to_string();
    let contact = json!({ "channel_id": channel, "external_id": "U0ADA", "display_name": "Ada" });
    let contact = server.post("/v1/contacts", contact).await.expect(201).id();
    let callbacks = format!(
        r#"
        INSERT INTO channel_webhooks (organization_id, channel_id, event_type, dedupe_key, signature_valid, payload,
                                      payload_hash, status)
        SELECT '{}', '{channel}', 'message', said.person, true, said.payload::jsonb, sha256('x'), 'processed'
        FROM (VALUES ('ada', '{{"user": "U0ADA", "text": "I am Ada", "thread": null}}'),
                     ('bob', '{{"user": "U0BOB", "text": "I am Bob", "thread": null}}')) AS said(person, payload);
        "#,
        server.acme.org.uuid(),
    );
    sqlx::raw_sql(AssertSqlSafe(callbacks)).execute(&server.pool).await.expect("rows");
    server.post(&format!("/v1/contacts/{contact}/erase"), json!({})).await.expect(200);
    let kept = "SELECT count(*) FROM channel_webhooks WHERE payload ->> 'text' = 'I am Bob'";
    assert_eq!(server.count(kept).await, 1);
    assert_eq!(
        server.count("SELECT count(*) FROM channel_webhooks WHERE payload::text LIKE '%Ada%'").await,
        0
    );
}
