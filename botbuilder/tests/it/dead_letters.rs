//! Records that nobody can read, or whose turn cannot be done.

use botbuilder_stream::{Producer as _, Record, Stream as _};
use botbuilder_testkit::platform::{Options, TestPlatform};

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

    let mut subscription = platform.stream.subscribe("inbound.dead", "test").await.expect("a subscription");
    let mut found = Vec::new();
    while found.len() < bad.len() {
        let mut partition = subscription.assigned().await.expect("assigned").expect("open");
        let lag = platform.stream.lag("inbound.dead", "test").await.expect("a topic");
        let waiting = lag.iter().any(|lag| lag.partition == partition.id() && lag.records() > 0);
        while waiting && found.len() < bad.len() {
            found.extend(partition.next(100).await.expect("records"));
        }
    }
    for (dead, payload) in found.iter().zip(bad) {
        assert_eq!(dead.record.payload, payload);
        assert_eq!((dead.record.key.as_str(), dead.record.header("kept")), (key.as_str(), Some("yes")));
        let reason = dead.record.header(botbuilder_stream::REASON).expect("a reason");
        assert!(!reason.is_empty());
        assert_eq!(dead.record.header(botbuilder_stream::TOPIC), Some("inbound"));
    }
}
