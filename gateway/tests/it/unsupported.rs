//! What is not understood is kept as it came, and keeps nobody else from being heard.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_testkit::{fake::whatsapp::SIGNATURE_HEADER, platform::TestPlatform};
use serde_json::{Value, json};

fn text(from: &str, id: &str, text: &str) -> Value {
    let now = SystemClock.now().timestamp().to_string();
    json!({ "from": from, "id": id, "timestamp": now, "type": "text", "text": { "body": text } })
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_kind_is_kept_raw_and_its_neighbours_are_answered() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let strange = json!({
        "from": "491512", "id": "wamid.strange", "timestamp": "1700000000",
        "type": "hologram", "hologram": { "depth": 3, "nested": ["a", { "b": null }] },
    });
    let messages = json!([
        text("491511", "wamid.1", "hello"),
        strange,
        { "from": 7, "type": [] },
        "not even an object",
        text("491513", "wamid.3", "hello"),
    ]);
    let (body, signature) = acme.notification(&json!({ "messages": messages }));
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);

    acme.whatsapp_replies("491511", 2).await;
    acme.whatsapp_replies("491513", 2).await;
    platform.settled().await;
    let kept = platform.rows("SELECT payload FROM channel_messages WHERE kind = 'unsupported'").await;
    let raw: Vec<&Value> = kept.iter().filter_map(|row| row.pointer("/payload/raw")).collect();
    assert!(raw.contains(&&strange), "{kept:?}");
    // The request is there as it came, once.
    let kept = platform.rows("SELECT payload FROM channel_webhooks").await;
    let whole: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(kept.iter().filter(|row| row["payload"] == whole).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn field_and_notification_of_an_unknown_kind_are_taken_and_stop_nothing() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    for body in [
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [
            { "field": "flux", "value": { "x": 1 } }, { "field": "messages" }, 5,
        ] }] }),
        json!({ "object": "something_else" }),
        json!({}),
        json!({ "object": "whatsapp_business_account", "entry": [7, null, { "id": "1" }] }),
    ] {
        let body = body.to_string();
        let signature = acme.sign(body.as_bytes());
        let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
        assert_eq!(answer.status, 200, "{body}");
    }
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 2).await;
}
