//! Flows that ask services, and change more than their conversation.

use botbuilder_testkit::platform::{Options, TestPlatform, eventually};
use serde_json::{Value, json};

/// Asks for an address, calls it, says what came of it, and hands over.
fn asking_flow() -> Value {
    let node = |id: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "data": data });
    let edge =
        |source: &str, port: &str, target: &str| json!({ "source": source, "port": port, "target": target });
    json!({
        "schema": 1,
        "nodes": [
            node("start", "start", json!({})),
            node("ask", "question", json!({ "text": "Which address?", "variable": "url" })),
            node("call", "api_call", json!({
                "url": "{{ url }}", "timeout_seconds": 5,
                "save": { "status": "response.status", "detail": "response.body.description" },
            })),
            node("known", "message", json!({ "text": "It says {{ status }}, {{ detail }}." })),
            node("unknown", "message", json!({ "text": "Nobody to ask." })),
            node("tag", "tag_contact", json!({ "add": ["curious"] })),
            node("mail", "email", json!({
                "to": "desk@example.org", "subject": "Asked {{ status }}", "text": "{{ input.text }}",
            })),
            node("hand", "handoff", json!({
                "text": "A person takes over.", "note": "status {{ status }}", "priority": "high",
            })),
        ],
        "edges": [
            edge("start", "next", "ask"),
            edge("ask", "next", "call"),
            edge("call", "next", "known"),
            edge("call", "failed", "known"),
            edge("call", "error", "unknown"),
            edge("known", "next", "tag"),
            edge("tag", "next", "mail"),
            edge("mail", "next", "hand"),
        ],
        "variables": [
            { "name": "url" }, { "name": "status", "type": "number" }, { "name": "detail" },
        ],
    })
}

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: asking_flow(), ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_and_the_turn_goes_on() {
    let platform = platform().await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    // A provider is the only neighbour that a test may call.
    let url = format!("{}/bot1:nobody/getMe", acme.telegram.base_url());
    acme.whatsapp.say("491511", &url).await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 3).await;
    let texts: Vec<_> = replies.iter().filter_map(|reply| reply.text.as_deref()).collect();
    assert_eq!(texts[0], "Which address?");
    assert!(texts[1].starts_with("It says 4"), "{texts:?}");
    assert_eq!(texts[2], "A person takes over.");

    let rows = platform
        .rows("SELECT v.mode, v.priority, c.tags FROM conversations v JOIN channel_contacts c ON c.id = v.contact_id")
        .await;
    assert_eq!(rows, [json!({ "mode": "human", "priority": "high", "tags": ["curious"] })]);
    let mails =
        platform.rows("SELECT to_email::text, template, subject, status FROM email_notifications").await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!((&mails[0]["to_email"], &mails[0]["template"]), (&json!("desk@example.org"), &json!("flow")));
    assert!(mails[0]["subject"].as_str().is_some_and(|subject| subject.starts_with("Asked 4")), "{mails:?}");

    // The bot is silent while a person has the conversation.
    acme.whatsapp.say("491511", "are you still there?").await.expect("taken");
    eventually("the message is stored", async || {
        let heard = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(heard).await == 3).then_some(())
    })
    .await;
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_public_is_not_called() {
    let platform = platform().await;
    let acme = platform.acme();
    for (index, url) in
        ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "file:///etc/passwd"].iter().enumerate()
    {
        let person = format!("49151{index}");
        acme.whatsapp.say(&person, "hello").await.expect("taken");
        acme.whatsapp_replies(&person, 1).await;
        acme.whatsapp.say(&person, url).await.expect("taken");
        let replies = acme.whatsapp_replies(&person, 2).await;
        assert_eq!(replies[1].text.as_deref(), Some("Nobody to ask."), "{url}");
    }
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_was_asked_before_a_restart_is_answered_after_it() {
    let mut platform = platform().await;
    platform.acme().whatsapp.say("491511", "hello").await.expect("taken");
    platform.acme().whatsapp_replies("491511", 1).await;
    let url = format!("{}/bot1:nobody/getMe", platform.acme().telegram.base_url());
    platform.acme().whatsapp.say("491511", &url).await.expect("taken");
    // Whether the answer was there before or comes after it: there is one.
    eventually("the message is stored", async || {
        let heard = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(heard).await == 2).then_some(())
    })
    .await;
    platform.stop().await;
    platform.start_again();
    let replies = platform.acme().whatsapp_replies("491511", 3).await;
    assert_eq!(replies[2].text.as_deref(), Some("A person takes over."));
    platform.settled().await;
    assert_eq!(platform.acme().whatsapp.conversation("491511").len(), 3);
    assert_eq!(platform.count("SELECT count(*) FROM email_notifications").await, 1);
}
