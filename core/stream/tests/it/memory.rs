//! The memory backend.

use botbuilder_stream::memory::{self, MemoryConfig};
use botbuilder_stream::{TopicConfig, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let stream = memory::open(MemoryConfig::new(conformance::topics())).expect("open");
    conformance::all(&stream).await;
    stream.close().await;
}

#[tokio::test]
async fn unread_records_fill_the_topic() {
    let topics = vec![TopicConfig { retain_bytes: 2000, ..TopicConfig::new("single", 1) }];
    let stream = memory::open(MemoryConfig::new(topics)).expect("open");
    conformance::unread_records_fill_the_topic(&stream).await;
}
