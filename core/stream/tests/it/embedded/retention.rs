//! What is dropped, what is kept, and that the disk is given back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use botbuilder_domain::Clock;
use botbuilder_stream::conformance::{append_numbers, commit, numbers, read, within};
use botbuilder_stream::embedded::{self, EmbeddedConfig};
use botbuilder_stream::{PartitionLag, Position, Record, Stream, TopicConfig};
use chrono::{DateTime, Utc};

/// A clock that stands until it is moved.
struct HandClock(AtomicI64);

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_750_000_000_000)))
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("a short time"), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).expect("a valid time")
    }
}

fn config(dir: &Path, topics: Vec<TopicConfig>, clock: Arc<HandClock>) -> EmbeddedConfig {
    EmbeddedConfig { maintain_every: Duration::from_millis(5), clock, ..EmbeddedConfig::new(dir, topics) }
}

fn at(offset: u64) -> Position {
    Position { partition: 0, offset }
}

async fn lag_when(
    stream: &Arc<dyn Stream>,
    topic: &str,
    holds: impl Fn(&PartitionLag) -> bool,
) -> PartitionLag {
    within("retention", async {
        loop {
            let lag = stream.lag(topic, "runtime").await.expect("lag")[0];
            if holds(&lag) {
                return lag;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn old_records_are_dropped_once_every_group_has_read_them() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = HandClock::new();
    let hour = Duration::from_hours(1);
    let topics = vec![TopicConfig { retain_for: 2 * hour, ..TopicConfig::new("inbound", 1) }];
    let stream = embedded::open(config(dir.path(), topics.clone(), clock.clone())).expect("open");
    append_numbers(&stream, "inbound", "k", 0..10).await;
    clock.advance(hour);
    append_numbers(&stream, "inbound", "k", 10..20).await;
    commit(&stream, "inbound", "runtime", at(20)).await;
    commit(&stream, "inbound", "slow", at(4)).await;
    clock.advance(hour + Duration::from_mins(1));
    // The first ten are too old, but the slow group has read four of them only.
    assert_eq!(lag_when(&stream, "inbound", |lag| lag.first > 0).await.first, 4);
    commit(&stream, "inbound", "slow", at(20)).await;
    assert_eq!(lag_when(&stream, "inbound", |lag| lag.first > 4).await.first, 10);
    clock.advance(hour);
    assert_eq!(lag_when(&stream, "inbound", |lag| lag.first > 10).await.first, 20);
    stream.close().await;
    // An empty partition goes on counting where it was.
    let stream = embedded::open(config(dir.path(), topics, clock)).expect("open");
    let lag = stream.lag("inbound", "runtime").await.expect("lag")[0];
    assert_eq!((lag.first, lag.end), (20, 20));
    append_numbers(&stream, "inbound", "k", 20..21).await;
    assert_eq!(numbers(&read(&stream, "inbound", "runtime", 1).await), [20]);
}

#[tokio::test]
async fn ephemeral_records_go_unread() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = HandClock::new();
    let minutes = Duration::from_mins(10);
    let topics =
        vec![TopicConfig { ephemeral: true, retain_for: minutes, ..TopicConfig::new("realtime", 1) }];
    let stream = embedded::open(config(dir.path(), topics, clock.clone())).expect("open");
    let member = stream.subscribe("realtime", "runtime").await.expect("subscribe");
    append_numbers(&stream, "realtime", "k", 0..5).await;
    clock.advance(2 * minutes);
    append_numbers(&stream, "realtime", "k", 5..6).await;
    assert_eq!(lag_when(&stream, "realtime", |lag| lag.first > 0).await.first, 5);
    drop(member);
    assert_eq!(numbers(&read(&stream, "realtime", "runtime", 1).await), [5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_is_given_back_though_old_records_of_a_quiet_topic_stay() {
    let dir = tempfile::tempdir().expect("directory");
    let topics = || {
        let busy = TopicConfig { retain_bytes: 256 * 1024, ..TopicConfig::new("busy", 4) };
        vec![busy, TopicConfig::new("quiet", 1)]
    };
    let file_bytes = 64 * 1024;
    let config = || EmbeddedConfig { file_bytes, ..config(dir.path(), topics(), HandClock::new()) };
    let stream = embedded::open(config()).expect("open");
    append_numbers(&stream, "quiet", "k", 0..50).await;
    commit(&stream, "quiet", "runtime", at(20)).await;
    for number in 0..400_u32 {
        let records = (0..20).map(|key| Record::new(format!("{key}"), vec![b'x'; 500]));
        stream.append("busy", records.collect()).await.expect("append");
        if number % 100 == 0 {
            append_numbers(&stream, "quiet", "k", 50..51).await;
        }
    }
    // 4 MB were written, a quarter of one is kept; what is kept may lie in half-empty files.
    let bound = 2 * 256 * 1024 + 8 * file_bytes;
    within("files to be removed", async {
        while used(dir.path()) > bound {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(read(&stream, "quiet", "other", 54).await.len(), 54);
    stream.close().await;
    let stream = embedded::open(config()).expect("open");
    let stored = read(&stream, "quiet", "other", 54).await;
    assert_eq!(numbers(&stored[..50]), (0..50).collect::<Vec<_>>());
    assert_eq!(read(&stream, "quiet", "runtime", 34).await.len(), 34);
    let lag = stream.lag("busy", "runtime").await.expect("lag");
    let kept: u64 = lag.iter().map(|lag| lag.end - lag.first).sum();
    assert!((300..=512).contains(&kept), "{kept} records are kept");
    let kept = usize::try_from(kept).expect("few");
    assert_eq!(read(&stream, "busy", "runtime", kept).await.len(), kept);
}

fn used(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("log")).expect("directory");
    // A file may be removed between being listed and being looked at.
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}
