//! What a plan does not allow.

use serde_json::json;

use crate::harness::Server;

async fn free(server: &Server, limits: &str) {
    sqlx::query(
        "UPDATE user_subscriptions SET plan_id = (SELECT id FROM subscription_plans WHERE code = 'free'),
                limits_override = $1::text::jsonb",
    )
    .bind(limits)
    .execute(&server.pool)
    .await
    .expect("another plan");
}

#[tokio::test]
async fn one_more_than_the_plan_allows_is_refused_wherever_it_is_made() {
    let server = Server::start().await;
    // The organization has one bot and several channels.
    free(&server, "{\"bots\": 2, \"channels\": 4}").await;
    let refused = |answer: crate::harness::Answer, limit: &str| {
        let answer = answer.expect(402);
        assert_eq!((answer.code(), &answer.body["limit"]), ("plan_limit", &json!(limit)), "{answer:#?}");
    };
    let made = server.post("/v1/bots", json!({ "name": "Two", "slug": "two" })).await.expect(201).id();
    refused(server.post("/v1/bots", json!({ "name": "Three", "slug": "three" })).await, "bots");
    let path = format!("/v1/bots/{made}");
    let copy = json!({ "name": "Copy", "slug": "copy" });
    refused(server.post(&format!("{path}/duplicate"), copy.clone()).await, "bots");
    let document = server.get(&format!("{path}/export")).await.expect(200).data().clone();
    refused(server.post("/v1/bots/import", document).await, "bots");
    // What is deleted makes room; restored, it takes it again.
    server.delete(&path).await.expect(204);
    server.post("/v1/bots", copy).await.expect(201);
    refused(server.post(&format!("{path}/restore"), json!({})).await, "bots");

    let channel = json!({ "type": "web", "name": "Another", "bot_id": server.bot() });
    let mut made = 0;
    loop {
        let answer = server.post("/v1/channels", channel.clone()).await;
        if answer.status != 201 {
            refused(answer, "channels");
            break;
        }
        made += 1;
        assert!(made < 5, "no limit");
    }
    let base = json!({ "name": "First" });
    server.post("/v1/knowledge-bases", base).await.expect(201);
    refused(server.post("/v1/knowledge-bases", json!({ "name": "Second" })).await, "knowledge_bases");
}

#[tokio::test]
async fn a_training_is_nobodys_change_of_the_bot() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}", server.bot());
    let before = server.get(&path).await.expect(200);
    sqlx::query("UPDATE bots SET nlu_status = 'training'").execute(&server.pool).await.expect("a training");
    let during = server.get(&path).await.expect(200);
    assert_eq!(before.etag(), during.etag());
    assert_eq!(during.data()["nlu_status"], "training");
    server.patch(&path, &before.etag(), json!({ "name": "Renamed" })).await.expect(200);
    assert_ne!(server.get(&path).await.expect(200).etag(), before.etag());
}
