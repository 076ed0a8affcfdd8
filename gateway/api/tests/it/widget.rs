//! The chat of a bot: the line that a site's owner pastes, its settings and keys, and how much it is used.

use axum::http::Method;
use serde_json::json;

use crate::harness::{Server, id};

#[tokio::test]
async fn line_names_the_bots_own_widget_and_nobody_elses() {
    let server = Server::start().await;
    let path = |bot| format!("/v1/bots/{bot}/widget/embed-code");
    let answer =
        server.call(Method::GET, &path(server.acme.bot), &[("host", "chat.example")], None).await.expect(200);
    let key = &server.acme.widget_key;
    assert_eq!(answer.data()["public_key"], key.as_str());
    assert_eq!(
        answer.data()["html"],
        format!(
            "<script async src=\"https://chat.example/widget/v1/loader.js\" data-widget=\"{key}\"></script>"
        )
    );
    server.call(Method::GET, &path(server.other.bot), &[], None).await.expect(404);
}

#[tokio::test]
async fn a_bot_gets_a_chat_that_is_changed_and_gets_new_keys() {
    let server = Server::start().await;
    let bot = server.post("/v1/bots", json!({ "name": "Second", "slug": "second" })).await.expect(201).id();
    let path = format!("/v1/bots/{bot}/widget");
    server.get(&path).await.expect(404);
    let made = server.post(&path, json!({ "theme": { "title": "Ask us" } })).await.expect(201);
    assert_eq!(made.headers["location"], path.as_str());
    assert_eq!((&made.data()["bot_id"], &made.data()["theme"]["title"]), (&json!(bot), &json!("Ask us")));
    let channel = format!("/v1/channels/{}", made.data()["channel_id"].as_str().expect("a channel"));
    let channel = server.get(&channel).await.expect(200);
    assert_eq!((&channel.data()["type"], &channel.data()["status"]), (&json!("web"), &json!("active")));
    assert_eq!(server.post(&path, json!({})).await.expect(409).code(), "taken");

    let told = server.told();
    server.call(Method::PATCH, &path, &[], Some(json!({ "greeting": "Hi" }))).await.expect(428);
    let changed = server.patch(&path, &made.etag(), json!({ "greeting": "Hi" })).await.expect(200);
    assert_eq!(changed.data()["greeting"], "Hi");
    assert!(server.told() > told, "the running program hears of it");
    server.patch(&path, &made.etag(), json!({ "greeting": "Ho" })).await.expect(412);
    let refused = server.patch(&path, "*", json!({ "theme": { "colour": "red" } })).await.expect(400);
    assert_eq!(refused.body["errors"][0]["field"], "theme");

    let refused = server.patch(&path, "*", json!({ "require_identity": true })).await.expect(400);
    assert_eq!(refused.body["errors"][0]["field"], "require_identity");
    let rotate = format!("{path}/rotate-identity-secret");
    let secret = server.post(&rotate, json!({})).await.expect(200);
    assert_eq!(secret.data()["identity_secret"].as_str().map(str::len), Some(64));
    let strict = server.patch(&path, "*", json!({ "require_identity": true })).await.expect(200);
    assert_eq!(strict.data()["require_identity"], true);

    let before = changed.data()["public_key"].clone();
    let rotated = server.post(&format!("{path}/rotate-key"), json!({})).await.expect(200);
    assert_ne!(rotated.data()["public_key"], before);
    let line = server.get(&format!("{path}/embed-code")).await.expect(200);
    assert_eq!(line.data()["public_key"], rotated.data()["public_key"]);
}

#[tokio::test]
async fn how_much_a_chat_is_used_is_counted_by_day_and_read_by_session() {
    let server = Server::start().await;
    let session = id();
    for (seq, role) in [(1, "visitor"), (2, "bot"), (3, "bot"), (4, "agent")] {
        sqlx::query(
            "INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, visitor_id, seq, role,
                                          frame, content, status)
             SELECT id, app.uuid_v7_ts(id), $1, $2, $3, 'v1', $4, $5, 'text', 'words', 'sent' FROM (SELECT uuidv7() AS id)",
        )
        .bind(server.acme.org.uuid())
        .bind(server.bot())
        .bind(session)
        .bind(seq)
        .bind(role)
        .execute(&server.pool)
        .await
        .expect("a message");
    }
    let path = format!("/v1/bots/{}/widget/analytics", server.bot());
    let used = server.get(&path).await.expect(200);
    let days = used.data()["days"].as_array().expect("days");
    let sum = |name: &str| days.iter().filter_map(|day| day[name].as_i64()).sum::<i64>();
    assert_eq!([sum("from_visitors"), sum("from_bot"), sum("from_people")], [1, 2, 1]);
    assert_eq!((days[0]["visitors"].as_i64(), days[0]["sessions"].as_i64()), (Some(1), Some(1)));
    let refused = server.get(&format!("{path}?days=91")).await.expect(400);
    assert_eq!(refused.body["errors"][0]["field"], "days");

    let said = server.get(&format!("/v1/widget-sessions/{session}/messages?limit=3")).await.expect(200);
    assert_eq!(said.data().as_array().map(Vec::len), Some(3));
    let cursor = said.body["next_cursor"].as_str().expect("more");
    let rest =
        server.get(&format!("/v1/widget-sessions/{session}/messages?cursor={cursor}")).await.expect(200);
    assert_eq!((rest.data()[0]["seq"].as_i64(), rest.data()[0]["role"].as_str()), (Some(4), Some("agent")));
    server.get(&format!("/v1/widget-sessions/{}/messages", id())).await.expect(404);
}
