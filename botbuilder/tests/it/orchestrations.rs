//! Several flows of one bot, on the whole platform: who takes over, and what a contact is remembered by.

use botbuilder_testkit::platform::{Options, TestPlatform, eventually};
use serde_json::{Value, json};

/// A flow that greets, and then waits for a word under this variable.
fn flow(name: &str) -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": format!("{name}: {{{{ color }}}}?"), "variable": "color" } },
            { "id": "wait", "type": "wait_for_event", "data": { "event": "order.paid", "variable": "paid" } },
            { "id": "thanks", "type": "message", "data": { "text": "{{ color }}, paid {{ paid }}." } },
        ],
        "edges": [
            { "source": "start", "target": "ask" },
            { "source": "ask", "target": "wait" },
            { "source": "wait", "target": "thanks" },
        ],
        "variables": [{ "name": "color" }, { "name": "paid" }],
    })
}

async fn call(platform: &TestPlatform, path: &str, body: &Value) -> Value {
    let token = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let answer = platform.post(path, &headers, body.to_string()).await;
    assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.json());
    answer.json()["data"].clone()
}

fn id(row: &Value) -> &str {
    row["id"].as_str().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyword_leads_to_another_flow_which_goes_on_with_what_is_known() {
    let platform = TestPlatform::with(Options { flow: flow("first"), ..Options::default() }).await;
    let acme = platform.acme();
    let flows = platform.rows("SELECT id, bot_id FROM bot_flows").await;
    let (first, bot) = (id(&flows[0]).to_owned(), flows[0]["bot_id"].as_str().expect("an id").to_owned());
    let path = format!("/v1/bots/{bot}/flows");
    let second =
        call(&platform, &path, &json!({ "name": "Second", "draft_definition": flow("second") })).await;
    call(&platform, &format!("{path}/{}/publish", id(&second)), &json!({})).await;
    let new = json!({ "bot_id": bot, "name": "Both", "entry_flow_id": first });
    let both = call(&platform, "/v1/orchestrations", &new).await;
    let item = format!("/v1/orchestrations/{}", id(&both));
    let way = json!({
        "from_flow_id": first, "to_flow_id": id(&second), "trigger_type": "on_keyword",
        "trigger_value": { "keywords": ["other"] },
    });
    call(&platform, &format!("{item}/transitions"), &way).await;
    let kept = json!({ "name": "color", "scope": "contact" });
    call(&platform, &format!("{item}/variables"), &kept).await;
    call(&platform, &format!("{item}/activate"), &json!({})).await;

    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    acme.whatsapp.say("491511", "Other").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 2).await;
    let texts: Vec<_> = replies.iter().filter_map(|reply| reply.text.as_deref()).collect();
    assert_eq!(texts, ["first: ?", "second: ?"]);
    acme.whatsapp.say("491511", "blue").await.expect("taken");
    eventually("the contact's color is kept", async || {
        let kept = "SELECT count(*) FROM channel_contacts WHERE attributes = '{\"color\": \"blue\"}'";
        (platform.count(kept).await == 1).then_some(())
    })
    .await;
    let conversation = &platform.rows("SELECT id FROM conversations").await[0];
    let event = json!({ "name": "order.paid", "data": 7, "key": "once" });
    let events = format!("/v1/conversations/{}/events", id(conversation));
    call(&platform, &events, &event).await;
    call(&platform, &events, &event).await;
    let replies = acme.whatsapp_replies("491511", 3).await;
    assert_eq!(replies[2].text.as_deref(), Some("blue, paid 7."));
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 3, "told twice, happened once");

    // The flow has ended: the next message begins with the entry, which knows the contact.
    acme.whatsapp.say("491511", "hello again").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 4).await;
    assert_eq!(replies[3].text.as_deref(), Some("first: blue?"));
}
