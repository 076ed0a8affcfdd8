//! Records that nobody can read, or whose turn cannot be done.

use botbuilder_stream::{Delivered, PartitionLag, Producer as _, Record, Stream as _};
use botbuilder_testkit::{
    fake::{instagram, slack, telegram, whatsapp},
    platform::{Options, TestPlatform, eventually, execute},
};
use serde_json::json;

/// Everything that is in a topic.
async fn records(platform: &TestPlatform, topic: &str) -> Vec<Delivered> {
    let mut subscription = platform.stream.subscribe(topic, "test").await.expect("a subscription");
    let total: u64 =
        platform.stream.lag(topic, "test").await.expect("a topic").iter().map(PartitionLag::records).sum();
    let mut found = Vec::new();
    while (found.len() as u64) < total {
        let mut partition = subscription.assigned().await.expect("assigned").expect("open");
        let lag = platform.stream.lag(topic, "test").await.expect("a topic");
        let waiting = lag.iter().find(|lag| lag.partition == partition.id()).map_or(0, PartitionLag::records);
        let before = found.len();
        while ((found.len() - before) as u64) < waiting {
            found.extend(partition.next(100).await.expect("records"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_record_is_put_aside_with_its_reason_and_its_neighbours_are_answered() {
    let mut platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    let bad: [&[u8]; 4] = [b"", b"garbage", b"{}", b"{\"schema\":99}"];
    platform.expected.dead_letters = bad.len() as u64;
    let acme = platform.acme();
    // All in one partition, the one of the person who writes before and after.
    let key = format!("{}:491511", acme.seeded.whatsapp);
    acme.whatsapp.say("491511", "before").await.expect("taken");
    for payload in bad {
        let record = Record { headers: vec![("kept".into(), "yes".into())], ..Record::new(&key, payload) };
        platform.stream.append("inbound", vec![record]).await.expect("appended");
    }
    acme.whatsapp.say("491511", "after").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 2).await;
    assert!(replies[0].text.as_deref().is_some_and(|text| text.contains("before")));
    assert!(replies[1].text.as_deref().is_some_and(|text| text.contains("after")));
    platform.settled().await;

    let found = records(&platform, "inbound.dead").await;
    assert_eq!(found.len(), bad.len());
    for (dead, payload) in found.iter().zip(bad) {
        assert_eq!(dead.record.payload, payload);
        assert_eq!((dead.record.key.as_str(), dead.record.header("kept")), (key.as_str(), Some("yes")));
        let reason = dead.record.header(botbuilder_stream::REASON).expect("a reason");
        assert!(!reason.is_empty());
        assert_eq!(dead.record.header(botbuilder_stream::TOPIC), Some("inbound"));
    }
}

/// What is put aside is the record and the reason, so a secret that is in no record and no reason is in no dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_channel_is_in_a_record_and_no_content_in_the_reason_of_a_dead_letter() {
    let mut platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    platform.expected.dead_letters = 2;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    acme.telegram.say(491_512, "good day").await.expect("taken");
    acme.telegram_replies(491_512, 1).await;
    acme.slack.say("U491513", "good day").await.expect("taken");
    acme.instagram.say("491514", "good day").await.expect("taken");
    acme.instagram_replies("491514", 1).await;
    let canary = "canary-in-what-cannot-be-read";
    let key = format!("{}:491511", acme.seeded.whatsapp);
    for payload in [canary.to_owned(), format!("{{\"schema\":99,\"token\":\"{canary}\"}}")] {
        platform.stream.append("inbound", vec![Record::new(&key, payload)]).await.expect("appended");
    }
    platform.settled().await;

    let secrets = [
        acme.app_secret.clone(),
        acme.telegram_secret.clone(),
        acme.seeded.token.expose().clone(),
        whatsapp::Options::default().access_token,
        telegram::Options::default().bot_token,
        slack::Options::default().bot_token,
        slack::Options::default().app_token,
        "signing-secret-of-acme".to_owned(),
        instagram::Options::default().access_token,
        "instagram-secret-of-acme".to_owned(),
    ];
    let mut seen = 0;
    for topic in ["inbound", "outbound", "status", "inbound.dead", "outbound.dead"] {
        for Delivered { record, .. } in records(&platform, topic).await {
            seen += 1;
            let text =
                format!("{} {:?} {}", record.key, record.headers, String::from_utf8_lossy(&record.payload));
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is in a record of {topic}: {text}");
            }
            let reason = record.header(botbuilder_stream::REASON).unwrap_or_default();
            assert!(!reason.contains("canary"), "{reason}");
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_message_that_never_comes_is_put_aside_when_its_time_is_over_and_can_come_again() {
    let mut platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    platform.expected.dead_letters = 1;
    let acme = platform.acme();
    let status = json!({
        "id": "wamid.nobodys", "status": "delivered", "timestamp": "1700000000", "recipient_id": "491511",
    });
    let (body, signature) = acme.notification(&json!({ "statuses": [status] }));
    let headers = [(whatsapp::SIGNATURE_HEADER, signature.as_str())];
    assert_eq!(platform.post(&acme.whatsapp_path(), &headers, &body).await.status, 200);
    let parked =
        "SELECT count(*) FROM outbox_events WHERE event_type = 'event.parked' AND published_at IS NULL";
    eventually("the report is put off", async || (platform.count(parked).await == 1).then_some(())).await;
    // A quarter of an hour later, as the record tells it.
    let late = "UPDATE outbox_events SET available_at = now(), \
                payload = jsonb_set(payload, '{times,received}', to_jsonb(now() - interval '15 minutes')) \
                WHERE event_type = 'event.parked' AND published_at IS NULL";
    execute(&platform.pool, late).await;
    platform.settled().await;

    let found = records(&platform, "inbound.dead").await;
    assert_eq!(found.len(), 1);
    let reason = found[0].record.header(botbuilder_stream::REASON).expect("a reason");
    assert!(reason.contains("did not come"), "{reason}");
    // Nothing is taken for a duplicate of it.
    let keys = "SELECT count(*) FROM dedupe_keys WHERE key LIKE '%wamid.nobodys%'";
    assert_eq!(platform.count(keys).await, 0);
}
