//! Messages that the network took, and refused later because the window turned out to be closed.

use botbuilder_testkit::{
    fake::{Behaviour, StatusBehaviour, whatsapp::SIGNATURE_HEADER},
    platform::{TestPlatform, eventually},
};
use serde_json::json;

use super::{ADA, outside, platform, stages, until_stage, write};

/// Reports that a message failed because its window is closed, as WhatsApp does some time after it took it.
async fn refuse_late(platform: &TestPlatform, id: &str) {
    let acme = platform.acme();
    let status = json!({
        "id": id, "status": "failed", "timestamp": "1700000000", "recipient_id": ADA,
        "errors": [{ "code": 131_047, "title": "Re-engagement message" }],
    });
    let (body, signature) = acme.notification(&json!({ "statuses": [status] }));
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
}

/// A message of a person that WhatsApp took, of which it tells nothing more by itself: ours, and WhatsApp's id of it.
async fn taken(platform: &TestPlatform, text: &str) -> (String, String) {
    let acme = platform.acme();
    let statuses = StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() };
    acme.whatsapp.set_behaviour(Behaviour { statuses, ..Behaviour::default() });
    acme.whatsapp.say(ADA, "hello").await.expect("taken");
    acme.whatsapp_replies(ADA, 1).await;
    // Whoever writes after a message opens the window that it was refused for.
    platform.settled().await;
    let conversation = platform.rows("SELECT id FROM conversations").await[0]["id"].clone();
    let message = write(platform, conversation.as_str().expect("an id"), text).await;
    until_stage(platform, &message, "accepted").await;
    let sent = acme.whatsapp.conversation(ADA).pop().expect("sent");
    assert_eq!(sent.text.as_deref(), Some(text));
    (message, sent.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_late_is_held_until_the_contact_writes() {
    let platform = platform().await;
    let acme = platform.acme();
    outside(&platform, &json!("hold")).await;
    let (message, id) = taken(&platform, "your parcel is here").await;
    let before = acme.whatsapp.conversation(ADA).len();
    refuse_late(&platform, &id).await;
    until_stage(&platform, &message, "held").await;
    let shown = platform.get(&format!("/v1/messages/{message}"), &acme.seeded.token).await.json();
    assert_eq!((&shown["data"]["status"], &shown["data"]["error_code"]), (&json!("queued"), &json!("held")));
    // What is still said of the first attempt says nothing of the message any more.
    let read = json!({ "id": id, "status": "read", "timestamp": "1700000000", "recipient_id": ADA });
    let (body, signature) = acme.notification(&json!({ "statuses": [read] }));
    platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation(ADA).len(), before);

    acme.whatsapp.say(ADA, "hello again").await.expect("taken");
    let sent = acme.whatsapp_replies(ADA, before + 1).await;
    assert_eq!(sent[before].text.as_deref(), Some("your parcel is here"));
    platform.settled().await;
    let stages = stages(&platform, &message).await;
    let sendings: Vec<&str> = stages.iter().map(String::as_str).filter(|stage| *stage != "status").collect();
    assert_eq!(
        sendings,
        ["queued", "attempt", "accepted", "replayed", "held", "released", "attempt", "accepted"]
    );
    let told = format!(
        "SELECT count(*) FROM outbox_events WHERE topic = 'events' AND payload::text LIKE '%message.failed%{message}%'"
    );
    assert_eq!(platform.count(&told).await, 0, "it did not fail");

    // Once: refused late again, it has failed.
    let sent = sent[before].id.clone();
    refuse_late(&platform, &sent).await;
    let failed =
        format!("SELECT count(*) FROM channel_messages WHERE id = '{message}' AND status = 'failed'");
    eventually("it failed", async || (platform.count(&failed).await == 1).then_some(())).await;
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_place_of_what_is_refused_late_goes_the_template_or_nothing() {
    let platform = platform().await;
    let acme = platform.acme();
    let (message, id) = taken(&platform, "one").await;
    refuse_late(&platform, &id).await;
    let failed =
        format!("SELECT count(*) FROM channel_messages WHERE id = '{message}' AND status = 'failed'");
    eventually("it failed", async || (platform.count(&failed).await == 1).then_some(())).await;
    platform.settled().await;
    assert!(!stages(&platform, &message).await.contains(&"replayed".to_owned()), "it is refused");

    let template = json!({ "name": "are_you_there", "language": "en", "variables": ["{{ text }}"] });
    outside(&platform, &json!({ "policy": "template", "template": template })).await;
    acme.whatsapp.say(ADA, "hello again").await.expect("taken");
    platform.settled().await;
    let (message, id) = taken(&platform, "two").await;
    refuse_late(&platform, &id).await;
    until_stage(&platform, &message, "downgraded").await;
    platform.settled().await;
    let sent = acme.whatsapp.messages().pop().expect("sent");
    assert_eq!(sent.kind, "template");
    assert_eq!(sent.body["template"]["components"][0]["parameters"][0]["text"], "two");
}
