//! The embedded backend.

mod crash;
mod damage;
mod retention;

use std::path::Path;
use std::sync::Arc;

use botbuilder_stream::conformance::{self, append_numbers, numbers, read, read_and_commit};
use botbuilder_stream::embedded::{self, EmbeddedConfig};
use botbuilder_stream::{OpenError, Stream, TopicConfig};

fn open(dir: &Path, topics: Vec<TopicConfig>) -> Arc<dyn Stream> {
    embedded::open(EmbeddedConfig::new(dir, topics)).expect("open")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let dir = tempfile::tempdir().expect("directory");
    let stream = open(dir.path(), conformance::topics());
    conformance::all(&stream).await;
    stream.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_when_nothing_is_served_from_memory() {
    let dir = tempfile::tempdir().expect("directory");
    let config = EmbeddedConfig { recent_bytes: 0, ..EmbeddedConfig::new(dir.path(), conformance::topics()) };
    let stream = embedded::open(config).expect("open");
    conformance::all(&stream).await;
    stream.close().await;
}

#[tokio::test]
async fn unread_records_fill_the_topic() {
    let dir = tempfile::tempdir().expect("directory");
    let topics = vec![TopicConfig { retain_bytes: 8000, ..TopicConfig::new("single", 1) }];
    let stream = open(dir.path(), topics);
    conformance::unread_records_fill_the_topic(&stream).await;
}

#[tokio::test]
async fn records_and_positions_survive_reopening() {
    let dir = tempfile::tempdir().expect("directory");
    let topics = || vec![TopicConfig::new("inbound", 4)];
    let stream = open(dir.path(), topics());
    append_numbers(&stream, "inbound", "k", 0..10).await;
    read_and_commit(&stream, "inbound", "runtime", 10).await;
    append_numbers(&stream, "inbound", "k", 10..15).await;
    stream.close().await;
    let stream = open(dir.path(), topics());
    append_numbers(&stream, "inbound", "k", 15..16).await;
    assert_eq!(numbers(&read(&stream, "inbound", "runtime", 6).await), [10, 11, 12, 13, 14, 15]);
    assert_eq!(numbers(&read(&stream, "inbound", "other", 16).await), (0..16).collect::<Vec<_>>());
}

#[tokio::test]
async fn directory_is_open_once() {
    let dir = tempfile::tempdir().expect("directory");
    let stream = open(dir.path(), vec![TopicConfig::new("inbound", 1)]);
    let second = embedded::open(EmbeddedConfig::new(dir.path(), vec![TopicConfig::new("inbound", 1)]));
    assert!(matches!(second, Err(OpenError::InUse { .. })));
    stream.close().await;
    open(dir.path(), vec![TopicConfig::new("inbound", 1)]);
}

#[tokio::test]
async fn other_number_of_partitions_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    open(dir.path(), vec![TopicConfig::new("inbound", 4)]).close().await;
    let other = embedded::open(EmbeddedConfig::new(dir.path(), vec![TopicConfig::new("inbound", 8)]));
    assert!(matches!(other, Err(OpenError::Config(_))));
}
