//! An experiment on a flow, on the whole platform: what conversations are shown, and what is counted of them.

use botbuilder_testkit::{
    local_client::Method,
    platform::{Options, TestPlatform, eventually},
};
use serde_json::{Value, json};

/// A flow that says its name and waits for an event.
fn flow(name: &str) -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "hello", "type": "message", "data": { "text": name } },
            { "id": "wait", "type": "wait_for_event", "data": { "event": "over" } },
        ],
        "edges": [{ "source": "start", "target": "hello" }, { "source": "hello", "target": "wait" }],
    })
}

async fn call(platform: &TestPlatform, method: Method, path: &str, body: &Value) -> Value {
    let token = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let answer = platform.call(method, path, &headers, body.to_string()).await;
    assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.json());
    answer.json()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_shown_a_variant_of_a_flow_and_what_they_reach_is_counted() {
    let platform = TestPlatform::with(Options { flow: flow("as it is"), ..Options::default() }).await;
    let acme = platform.acme();
    let row = platform.rows("SELECT id, bot_id FROM bot_flows").await.remove(0);
    let variant = |key: &str, weight: u32, config: Value| json!({ "key": key, "name": key, "weight_bp": weight, "is_control": weight == 0, "config": config });
    let new = json!({
        "name": "Shorter", "bot_id": row["bot_id"], "target_type": "flow", "target_id": row["id"],
        "unit": "conversation", "goal_event": "order", "secondary_goals": ["visit"],
        "variants": [variant("old", 0, json!({})), variant("new", 10_000, json!({ "definition": flow("otherwise") }))],
    });
    let made = call(&platform, Method::POST, "/v1/experiments", &new).await;
    let item = format!("/v1/experiments/{}", made["id"].as_str().expect("an id"));
    let started = call(&platform, Method::POST, &format!("{item}/start"), &json!({})).await;
    assert!(started["variants"][1]["config"]["version_id"].is_string(), "{started}");

    acme.whatsapp.say("491511", "hello").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 1).await;
    assert_eq!(replies[0].text.as_deref(), Some("otherwise"));
    let conversation = platform.rows("SELECT id FROM conversations").await.remove(0);
    let events = format!("/v1/conversations/{}/events", conversation["id"].as_str().expect("an id"));
    for name in ["visit", "visit", "order"] {
        call(&platform, Method::POST, &events, &json!({ "name": name })).await;
    }
    eventually("the goal is counted", async || {
        let counted = "SELECT count(*) FROM ab_test_results r JOIN conversations c ON r.subject_key = c.id::text \
                       WHERE r.conversion_count = 1 AND r.exposure_count = 1 AND r.contact_id = c.contact_id";
        (platform.count(counted).await == 1).then_some(())
    })
    .await;
    let results = call(&platform, Method::GET, &format!("{item}/results"), &json!({})).await;
    let counted = |outcome: &Value| (outcome["exposed"].clone(), outcome["converted"].clone());
    assert_eq!(counted(&results["variants"][1]), (json!(1), json!(1)));
    assert_eq!(counted(&results["secondary"]["visit"][1]), (json!(1), json!(1)), "{results}");
}
