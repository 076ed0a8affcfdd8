//! Events reach the addresses that asked for them, once and signed.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use botbuilder_domain::Secret;
use botbuilder_runtime::jobs::email::{Mailer, Transport};
use botbuilder_service::lifecycle::Service as _;
use botbuilder_store::secret::RootKey;
use botbuilder_testkit::{
    fake::receiver::{Received, Receiver},
    foreign::{Packages, packages},
    local_client::Method,
    platform::{Answer, Options, ROOT_KEY, TestPlatform, eventually, execute},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What others verify with, by its pinned version.
const VERIFIER: &str = "standardwebhooks==1.0.1";

async fn with_receiver() -> (TestPlatform, Receiver) {
    let receiver = Receiver::start().await.expect("a receiver");
    let neighbours = vec![receiver.url()];
    (TestPlatform::with(Options { neighbours, ..Options::default() }).await, receiver)
}

async fn call(platform: &TestPlatform, method: Method, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    platform.call(method, path, &headers, body).await
}

/// A webhook that asks for these events: its id and secret.
async fn webhook(platform: &TestPlatform, url: &str, events: &[&str]) -> (String, String) {
    let body = json!({ "name": "crm", "config": { "url": url }, "event_filter": events });
    let made = call(platform, Method::POST, "/v1/webhooks", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let text = |name: &str| made.json()["data"][name].as_str().expect("a text").to_owned();
    (text("id"), text("secret"))
}

async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    eventually("the webhook was called", async || {
        let received = receiver.received();
        (received.len() >= count).then_some(received)
    })
    .await
}

/// What the reference library of Standard Webhooks says of it; none where it cannot be had.
fn verified(received: &Received, secret: &str) -> Option<Value> {
    let folder = packages(env!("CARGO_TARGET_TMPDIR"), Packages::Pip(&[VERIFIER]))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/testkit/tests/clients/webhook.py");
    let mut child = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(received.header(name)))).collect();
    let body = String::from_utf8(received.body.to_vec()).expect("text");
    let asked = json!({ "secret": secret, "headers": headers, "body": body });
    child.stdin.take().expect("its input").write_all(asked.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the verifier failed");
    Some(serde_json::from_slice(&output.stdout).expect("it prints JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_told_once_signed_and_counted() {
    let (platform, receiver) = with_receiver().await;
    let (id, secret) = webhook(&platform, &receiver.url(), &["message.received"]).await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    let told = received(&receiver, 1).await;
    let event = told[0].json();
    assert_eq!((&event["type"], &event["data"]["text"]), (&json!("message.received"), &json!("good day")));
    assert!(told[0].header("botbuilder-signature").starts_with("t="));
    if let Some(found) = verified(&told[0], &secret) {
        assert_eq!(found, json!({ "payload": event, "refused": true }));
    }
    platform.settled().await;
    assert_eq!(receiver.received().len(), 1, "sent and read messages were not asked for");
    let logs =
        platform.rows("SELECT status, attempt, response_status, integration_id FROM webhook_logs").await;
    assert_eq!(
        logs,
        [json!({ "status": "succeeded", "attempt": 1, "response_status": 200, "integration_id": id })]
    );
    // Nothing of the secret is in the log of what was sent.
    let shown = call(&platform, Method::GET, "/v1/webhook-deliveries", &Value::Null).await;
    assert!(!shown.body.contains("signature"), "{}", shown.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_made_again_under_its_id_and_replayed_by_hand() {
    let (platform, receiver) = with_receiver().await;
    let (id, _) = webhook(&platform, &receiver.url(), &["webhook.test"]).await;
    receiver.answer(axum_status(503));
    let test = call(&platform, Method::POST, &format!("/v1/webhooks/{id}/test"), &json!({})).await;
    assert_eq!(test.status, 202, "{}", test.body);
    let first = received(&receiver, 1).await;
    eventually("the next attempt waits", async || {
        (platform.count("SELECT count(*) FROM webhook_logs WHERE attempt = 2 AND status = 'retrying'").await
            == 1)
            .then_some(())
    })
    .await;
    let waits = "SELECT count(*) FROM webhook_logs WHERE attempt = 2
                 AND next_attempt_at > now() + interval '5 seconds' AND next_attempt_at < now() + interval '11 seconds'";
    assert_eq!(platform.count(waits).await, 1);
    execute(&platform.pool, "UPDATE webhook_logs SET next_attempt_at = now() WHERE status = 'retrying'")
        .await;
    let both = received(&receiver, 2).await;
    assert_eq!(both[0].header("webhook-id"), both[1].header("webhook-id"));
    assert_eq!(test.json()["data"]["delivery_id"], first[0].header("webhook-id"));
    assert_eq!(both[1].header("botbuilder-attempt"), "2");
    eventually("it is noted", async || {
        (platform.count("SELECT count(*) FROM webhook_logs WHERE status = 'succeeded'").await == 1)
            .then_some(())
    })
    .await;

    let done = platform.rows("SELECT id FROM webhook_logs WHERE status = 'succeeded'").await;
    let path = format!("/v1/webhook-deliveries/{}/replay", done[0]["id"].as_str().expect("an id"));
    assert_eq!(call(&platform, Method::POST, &path, &json!({})).await.status, 202);
    let all = received(&receiver, 3).await;
    assert_eq!(all[2].header("webhook-id"), all[0].header("webhook-id"));
    assert_eq!(all[2].json(), all[0].json());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_is_not_called_and_the_delivery_says_why() {
    let (platform, receiver) = with_receiver().await;
    let canary = Receiver::start().await.expect("a receiver");
    let inside = canary.url().replace("127.0.0.1", "localhost");
    let (id, _) = webhook(&platform, &inside, &["webhook.test"]).await;
    let test = call(&platform, Method::POST, &format!("/v1/webhooks/{id}/test"), &json!({})).await;
    assert_eq!(test.status, 202, "{}", test.body);
    let abandoned = "SELECT error_message FROM webhook_logs WHERE status = 'abandoned' AND attempt = 1";
    let why = eventually("it is given up", async || {
        let rows = platform.rows(abandoned).await;
        rows.first().cloned()
    })
    .await;
    assert!(why["error_message"].as_str().expect("a reason").starts_with("the call was refused"), "{why}");
    assert!(canary.received().is_empty());
    assert!(receiver.received().is_empty());
    let row = platform.rows("SELECT status, failure_count FROM integrations").await;
    assert_eq!(row, [json!({ "status": "degraded", "failure_count": 1 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_too_often_is_switched_off_and_on_again() {
    let (platform, receiver) = with_receiver().await;
    let (id, _) = webhook(&platform, &receiver.url(), &["webhook.test"]).await;
    execute(&platform.pool, "UPDATE integrations SET failure_count = 49").await;
    receiver.answer(axum_status(410));
    let path = format!("/v1/webhooks/{id}/test");
    assert_eq!(call(&platform, Method::POST, &path, &json!({})).await.status, 202);
    eventually("it is off", async || {
        (platform
            .count("SELECT count(*) FROM integrations WHERE disabled_at IS NOT NULL AND status = 'error'")
            .await
            == 1)
            .then_some(())
    })
    .await;
    let on = call(&platform, Method::POST, &format!("/v1/webhooks/{id}/enable"), &json!({})).await;
    assert_eq!(on.json()["data"]["disabled_at"], Value::Null, "{}", on.body);
    assert_eq!(on.json()["data"]["failure_count"], 0);
    let mails = delivered_mails(&platform).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("operator@acme.example") && mails[0].contains("A webhook was switched off"));
    assert!(mails[0].contains(&id), "it says which");
}

/// What was used is added up once for each minute that is over.
#[tokio::test(flavor = "multi_thread")]
async fn use_is_metered_once() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    acme.whatsapp_replies("491511", 2).await;
    platform.settled().await;
    // As if it had been taken two minutes ago; the job looks at minutes from where it was, so it starts anew.
    execute(
        &platform.pool,
        "UPDATE outbox_events SET published_at = now() - interval '2 minutes' WHERE topic = 'events'",
    )
    .await;
    let mut platform = platform;
    for _ in 0..2 {
        platform.stop().await;
        platform.start_again();
        let sums = "SELECT metric, sum(quantity)::int AS quantity FROM usage_tracking GROUP BY 1 ORDER BY 1";
        let sums = eventually("it is added up", async || {
            let rows = platform.rows(sums).await;
            (rows.len() == 2).then_some(rows)
        })
        .await;
        assert_eq!(sums[0], json!({ "metric": "message_in", "quantity": 1 }));
        assert_eq!(sums[1]["metric"], "message_out");
        assert!(sums[1]["quantity"].as_i64().expect("a number") >= 2, "{sums:?}");
    }
    let usage = call(&platform, Method::GET, "/v1/usage/summary", &Value::Null).await;
    assert!(usage.body.contains("message_in"), "{}", usage.body);
}

/// Every event about a message says of which bot.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_messages_name_their_bot() {
    let (platform, receiver) = with_receiver().await;
    webhook(&platform, &receiver.url(), &["message.*"]).await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    let told = eventually("messages are received, sent and delivered", async || {
        let told: Vec<Value> = receiver.received().iter().map(Received::json).collect();
        let wanted = ["message.received", "message.sent", "message.delivered"];
        wanted.iter().all(|kind| told.iter().any(|event| event["type"] == *kind)).then_some(told)
    })
    .await;
    for event in told {
        assert_eq!(event["bot_id"], json!(acme.seeded.bot), "{event}");
    }
}

/// The mails that are put into a folder in place of a server.
async fn delivered_mails(platform: &TestPlatform) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let transport = Transport::outbox(folder.path().to_owned()).expect("a folder");
    let keys = RootKey::new(Secret::new(ROOT_KEY)).platform_keys();
    let mailer = Mailer::new(
        platform.runtime.clone(),
        keys,
        transport,
        "Bots <bots@platform.example>",
        platform.base_url(),
    );
    let mut mailer = mailer.expect("a sender");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { mailer.run(stop).await }
    });
    eventually("mails are sent", async || {
        let left = "SELECT count(*) FROM email_notifications WHERE status <> 'sent'";
        (platform.count(left).await == 0).then_some(())
    })
    .await;
    stop.cancel();
    running.await.expect("it ends").expect("softly");
    let files = std::fs::read_dir(folder.path()).expect("the folder");
    files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_webhook_is_switched_off_like_an_organizations_and_its_people_are_told() {
    let (platform, receiver) = with_receiver().await;
    let acme = platform.acme();
    let bot = format!("/v1/bots/{}", acme.seeded.bot);
    let rotated = call(&platform, Method::POST, &format!("{bot}/webhook/rotate-secret"), &json!({})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let bearer = format!("Bearer {}", acme.seeded.token.expose());
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", "*")];
    let change = json!({ "webhook_url": receiver.url(), "webhook_events": ["message.received"] });
    let changed = platform.call(Method::PATCH, &bot, &headers, &change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let version = "SELECT lock_version::bigint FROM bots";
    let before = platform.count(version).await;

    receiver.answer(axum_status(410));
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    eventually("one failure is counted", async || {
        (platform.count("SELECT webhook_failures::bigint FROM bots").await == 1).then_some(())
    })
    .await;
    assert_eq!(platform.count(version).await, before, "counting is nobody's change");
    receiver.answer(axum_status(200));
    acme.whatsapp.say("491511", "are you there?").await.expect("taken");
    eventually("a success begins anew", async || {
        (platform.count("SELECT webhook_failures::bigint FROM bots").await == 0).then_some(())
    })
    .await;

    execute(&platform.pool, "UPDATE bots SET webhook_failures = 49").await;
    receiver.answer(axum_status(410));
    acme.whatsapp.say("491511", "still there?").await.expect("taken");
    eventually("it is off", async || {
        let off = "SELECT count(*) FROM bots WHERE webhook_disabled_at IS NOT NULL";
        (platform.count(off).await == 1).then_some(())
    })
    .await;
    assert_eq!(platform.count(version).await, before + 1, "this is a change");
    let mails = delivered_mails(&platform).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("operator@acme.example") && mails[0].contains("A webhook was switched off"));
    assert!(mails[0].contains("webhook/enable"), "{}", mails[0]);
    platform.settled().await;
    let heard = receiver.received().len();
    acme.whatsapp.say("491511", "nobody hears this").await.expect("taken");
    acme.whatsapp_replies("491511", 4).await;
    platform.settled().await;
    assert_eq!(receiver.received().len(), heard);

    receiver.answer(axum_status(200));
    let on = call(&platform, Method::POST, &format!("{bot}/webhook/enable"), &json!({})).await;
    assert_eq!(on.status, 200, "{}", on.body);
    assert_eq!(
        (&on.json()["data"]["webhook_disabled_at"], &on.json()["data"]["webhook_failures"]),
        (&Value::Null, &json!(0))
    );
    acme.whatsapp.say("491511", "and this?").await.expect("taken");
    let told = received(&receiver, heard + 1).await;
    assert_eq!(told[heard].json()["data"]["text"], "and this?");
}

fn axum_status(status: u16) -> botbuilder_testkit::fake::receiver::StatusCode {
    botbuilder_testkit::fake::receiver::StatusCode::from_u16(status).expect("a status")
}
