//! Callbacks that were kept are taken in again.

use botbuilder_testkit::platform::{Answer, TestPlatform, execute};
use serde_json::{Value, json};

async fn replay(platform: &TestPlatform, webhook: &Value) -> Answer {
    let token = format!("Bearer {}", platform.acme().seeded.token.expose());
    let (channel, id) = (webhook["channel_id"].as_str().expect("a channel"), webhook["id"].as_str());
    let path = format!("/v1/channels/{channel}/webhooks/{}/replay", id.expect("an id"));
    platform.post(&path, &[("authorization", &token)], "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_not_answered_twice_and_what_was_not_is_answered() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    // A form, which is no JSON.
    acme.slack.command("U0ADA", "/hello", "").await.expect("taken");
    let before = acme.whatsapp_replies("491511", 2).await;
    platform.settled().await;
    let kept = "SELECT id, channel_id FROM channel_webhooks WHERE event_type IN ('message', 'postback')";
    let kept = platform.rows(kept).await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    for webhook in &kept {
        let answer = replay(&platform, webhook).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.json()["data"]["replayed_at"].is_string());
    }
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), before.len());
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 2);
    let again = "SELECT count(*) FROM message_events WHERE stage = 'deduplicated'";
    assert_eq!(platform.count(again).await, 2);
    let noted = "SELECT count(*) FROM audit_logs WHERE action = 'channel_webhooks.replayed'";
    assert_eq!(platform.count(noted).await, 2);

    // A callback of which nothing was done, as if its records had been lost.
    let (body, _) = acme.text("491512", "wamid.lost", "hello");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let body = body.to_string().replace('\'', "''");
    let statement = format!(
        "UPDATE channel_webhooks SET payload = '{body}' WHERE id = '{}'",
        kept.iter().find(|row| row["channel_id"] == json!(acme.seeded.whatsapp)).expect("a row")["id"]
            .as_str()
            .expect("an id")
    );
    execute(&platform.pool, &statement).await;
    for webhook in kept.iter().filter(|row| row["channel_id"] == json!(acme.seeded.whatsapp)) {
        assert_eq!(replay(&platform, webhook).await.status, 200);
    }
    acme.whatsapp_replies("491512", 2).await;

    // What cannot be read says so, and changes nothing.
    execute(&platform.pool, "UPDATE channel_webhooks SET payload = '{\"body\": \"no callback\"}'").await;
    let refused = replay(&platform, &kept[0]).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("not_readable")));
}
