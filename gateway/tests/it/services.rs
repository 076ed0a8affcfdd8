//! Jobs that nobody calls: what they do, and what they leave alone.

use std::time::Duration;

use botbuilder_testkit::{
    fake::{Behaviour, Fault, StatusBehaviour},
    platform::{Options, TestPlatform, eventually, execute},
};
use serde_json::json;

/// How many events of a kind were told.
async fn told(platform: &TestPlatform, kind: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM outbox_events WHERE topic = 'events' AND payload::text LIKE '%\"{kind}\"%'"
    );
    platform.count(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_rests_until_its_instant_and_no_longer() {
    let platform = TestPlatform::start().await;
    for chat in [42, 43] {
        platform.acme().telegram.say(chat, "hello").await.expect("an update");
        platform.acme().telegram_replies(chat, 1).await;
    }
    platform.settled().await;
    let rest = "UPDATE conversations v SET status = 'snoozed', \
                snoozed_until = now() + CASE c.external_id WHEN '42' THEN interval '-1 second' ELSE interval '1 hour' END \
                FROM channel_contacts c WHERE c.id = v.contact_id";
    execute(&platform.pool, rest).await;
    let states = "SELECT c.external_id AS chat, v.status FROM conversations v \
                  JOIN channel_contacts c ON c.id = v.contact_id ORDER BY 1";
    let expected = [json!({ "chat": "42", "status": "open" }), json!({ "chat": "43", "status": "snoozed" })];
    eventually("one rests no more", async || (platform.rows(states).await == expected).then_some(())).await;
    assert_eq!(told(&platform, "conversation.reopened").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reports_on_for_a_day_has_failed_and_is_told() {
    let mut platform =
        TestPlatform::with(Options { provider_timeout: Duration::from_secs(1), ..Options::default() }).await;
    // Nothing is heard of either.
    platform.expected.anything = true;
    let acme = platform.acme();
    for to in ["491511", "491512"] {
        acme.whatsapp.set_behaviour(Behaviour {
            percent: [(Fault::HangAfterAccept, 100.0)].into(),
            statuses: StatusBehaviour { drop_percent: 100.0, ..StatusBehaviour::default() },
            ..Behaviour::default()
        });
        acme.whatsapp.say(to, "hello").await.expect("taken");
    }
    let uncertain = "SELECT count(DISTINCT contact_id) FROM channel_messages WHERE uncertain_at IS NOT NULL";
    eventually("both are uncertain", async || (platform.count(uncertain).await == 2).then_some(())).await;
    platform.stop().await;
    let days = "UPDATE channel_messages m SET uncertain_at = now() - h.hours, next_attempt_at = now() - h.hours \
                FROM channel_contacts c, \
                     (VALUES ('491511', interval '25 hours'), ('491512', interval '23 hours')) AS h(person, hours) \
                WHERE c.id = m.contact_id AND m.uncertain_at IS NOT NULL \
                  AND h.person IN (c.external_id, c.alt_external_id)";
    execute(&platform.pool, days).await;
    let before = told(&platform, "message.failed").await;
    platform.start_again();
    let failed = "SELECT DISTINCT '491511' IN (c.external_id, c.alt_external_id) AS first, m.error_code \
                  FROM channel_messages m JOIN channel_contacts c ON c.id = m.contact_id WHERE m.status = 'failed'";
    let rows = eventually("one has failed", async || {
        let rows = platform.rows(failed).await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    assert_eq!(rows, [json!({ "first": true, "error_code": "uncertain" })]);
    assert!(told(&platform, "message.failed").await > before);
    let expired = "SELECT count(*) FROM message_events e JOIN channel_messages m ON m.id = e.message_id \
                   WHERE e.stage = 'expired' AND m.status = 'failed'";
    assert!(platform.count(expired).await >= 1);
}
