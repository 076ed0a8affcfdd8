//! What a person changes about a message of theirs: in whatever order it comes, and before the message too.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_testkit::{
    fake::whatsapp::SIGNATURE_HEADER,
    platform::{Options, TestPlatform, eventually},
};
use serde_json::{Value, json};

const ADA: &str = "15550001111";
const MESSAGE: &str = "wamid.the.message";

/// One message of WhatsApp's `messages`, of an id and a second of its own: of the last minutes, so that a reply is still
/// allowed.
async fn comes(platform: &TestPlatform, id: &str, second: u32, kind: &str, what: Value) {
    let acme = platform.acme();
    let written = SystemClock.now().timestamp() - 300 + i64::from(second);
    let mut message = json!({ "from": ADA, "id": id, "timestamp": written.to_string(), "type": kind });
    message[kind] = what;
    let (body, signature) = acme.notification(&json!({ "messages": [message] }));
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
}

fn edit(text: &str) -> Value {
    json!({ "original_message_id": MESSAGE, "message": { "type": "text", "text": { "body": text } } })
}

async fn until(platform: &TestPlatform, what: &str, wanted: &Value) {
    eventually(what, async || {
        let rows = platform
            .rows(&format!(
                "SELECT text, payload, redacted_at IS NOT NULL AS removed FROM channel_messages \
                 WHERE provider_message_id = '{MESSAGE}'"
            ))
            .await;
        (rows == [wanted.clone()]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_a_removal_that_come_before_the_message_and_out_of_order_apply() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let told = json!({ "body": "first" });
    let shown =
        |text: &str| json!({ "text": text, "payload": { "kind": "text", "text": text }, "removed": false });

    comes(&platform, "wamid.edit.2", 20, "edit", edit("third")).await;
    comes(&platform, "wamid.edit.1", 10, "edit", edit("second")).await;
    comes(&platform, "wamid.edit.2", 20, "edit", edit("third")).await;
    let parked = "SELECT count(*) FROM outbox_events WHERE event_type = 'event.parked'";
    eventually("the edits wait", async || (platform.count(parked).await >= 2).then_some(())).await;
    comes(&platform, MESSAGE, 0, "text", told.clone()).await;
    until(&platform, "the latest edit stands", &shown("third")).await;
    platform.settled().await;
    until(&platform, "it stands still when all have come", &shown("third")).await;

    let removed = json!({ "text": null, "payload": {}, "removed": true });
    comes(&platform, "wamid.revoke", 40, "revoke", json!({ "original_message_id": MESSAGE })).await;
    until(&platform, "it is removed", &removed).await;
    // Late, and of an instant after the removal: nothing comes back.
    comes(&platform, "wamid.edit.3", 30, "edit", edit("fourth")).await;
    comes(&platform, "wamid.edit.4", 50, "edit", edit("fifth")).await;
    comes(&platform, "wamid.revoke", 40, "revoke", json!({ "original_message_id": MESSAGE })).await;
    comes(&platform, MESSAGE, 0, "text", told).await;
    platform.settled().await;
    until(&platform, "it stays removed", &removed).await;
    assert_eq!(platform.acme().whatsapp.conversation(ADA).len(), 1, "it was answered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_of_a_clock_that_is_ahead_does_not_keep_later_ones_out() {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let shown =
        |text: &str| json!({ "text": text, "payload": { "kind": "text", "text": text }, "removed": false });
    comes(&platform, MESSAGE, 0, "text", json!({ "body": "first" })).await;
    until(&platform, "it is there", &shown("first")).await;
    // In the year 2093, and then in 2061.
    comes(&platform, "wamid.edit.1", 2_200_000_000, "edit", edit("second")).await;
    until(&platform, "the edit from the future stands", &shown("second")).await;
    comes(&platform, "wamid.edit.2", 1_200_000_000, "edit", edit("third")).await;
    until(&platform, "so does the one after it", &shown("third")).await;
    platform.settled().await;
}
