//! A stream whose topics and groups have a prefix where they are kept, so that several installations can share brokers.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{AppendError, ConsumeError, PartitionLag, Position, Producer, Record, Stream, Subscription};

/// A stream under a prefix.
pub struct Prefixed {
    stream: Arc<dyn Stream>,
    prefix: String,
}

impl Prefixed {
    /// The stream whose topic `name` is `{prefix}{name}` in `stream`, and whose groups likewise.
    pub fn new(stream: Arc<dyn Stream>, prefix: impl Into<String>) -> Self {
        Self { stream, prefix: prefix.into() }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[async_trait]
impl Producer for Prefixed {
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        self.stream.append(&self.full(topic), records).await
    }

    fn partitions(&self, topic: &str) -> Result<u32, AppendError> {
        self.stream.partitions(&self.full(topic))
    }
}

#[async_trait]
impl Stream for Prefixed {
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Subscription>, ConsumeError> {
        self.stream.subscribe(&self.full(topic), &self.full(group)).await
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Vec<PartitionLag>, ConsumeError> {
        self.stream.lag(&self.full(topic), &self.full(group)).await
    }

    async fn close(&self) {
        self.stream.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TopicConfig, memory};

    #[tokio::test]
    async fn what_goes_in_under_a_prefix_is_kept_under_it() {
        let inner =
            memory::open(memory::MemoryConfig::new(vec![TopicConfig::new("here.inbound", 1)])).unwrap();
        let stream = Prefixed::new(Arc::clone(&inner), "here.");
        let record = Record { key: "k".into(), payload: b"p".as_slice().into(), headers: Vec::new() };
        stream.append("inbound", vec![record]).await.unwrap();
        assert_eq!(stream.partitions("inbound").unwrap(), 1);
        assert!(inner.append("inbound", Vec::new()).await.is_err());
        assert_eq!(stream.lag("inbound", "g").await.unwrap()[0].end, 1);
        let mut members = stream.subscribe("inbound", "g").await.unwrap();
        let mut partition = members.assigned().await.unwrap().unwrap();
        assert_eq!(partition.next(10).await.unwrap().len(), 1);
    }
}
