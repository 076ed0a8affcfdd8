//! What a plan does not allow.

use std::sync::Arc;

use botbuilder_api::billing::notices::LimitNotices;
use botbuilder_domain::{SystemClock, SystemIds};
use serde_json::json;
use tokio_util::sync::CancellationToken;

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

/// Messages sent in this month.
async fn sent(server: &Server, count: i64) {
    sqlx::query(
        "INSERT INTO usage_tracking (id, organization_id, metric, quantity, window_start, source_key, created_at)
         SELECT n.id, $1, 'message_out', $2, date_trunc('minute', now()), n.id::text, app.uuid_v7_ts(n.id)
         FROM (SELECT app.uuid_v7() AS id) n",
    )
    .bind(server.acme.org.uuid())
    .bind(count)
    .execute(&server.pool)
    .await
    .expect("use");
}

#[tokio::test]
async fn most_of_a_limit_and_all_of_it_are_told_once_a_month() {
    let server = Server::start().await;
    free(&server, "{\"messages_month\": 100}").await;
    let job = LimitNotices::new(
        server.store.clone(),
        &server.root,
        Arc::new(SystemClock) as _,
        Arc::new(SystemIds) as _,
    );
    let once = async || job.once(&CancellationToken::new()).await.expect("a look");
    sent(&server, 79).await;
    assert_eq!(once().await, 0);
    sent(&server, 1).await;
    assert_eq!(once().await, 1, "its owner is told, nobody of the other organization");
    assert_eq!(once().await, 0);
    sent(&server, 40).await;
    assert_eq!(once().await, 1);
    assert_eq!(once().await, 0);
    let mails: Vec<serde_json::Value> = sqlx::query_scalar(
        "SELECT variables || jsonb_build_object('to', to_email, 'org', organization_id)
         FROM email_notifications WHERE template = 'plan_limit' AND category = 'billing' ORDER BY id",
    )
    .fetch_all(&server.pool)
    .await
    .expect("mails");
    let mail = |percent: i64, used: i64| {
        json!({
            "limit": "messages_month", "percent": percent, "used": used, "most": 100,
            "to": "operator@acme.example", "org": server.acme.org,
        })
    };
    assert_eq!(mails, [mail(80, 80), mail(100, 120)]);
}
