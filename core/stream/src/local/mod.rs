//! What the memory and the embedded backend share: consumer groups within one process over a log.

mod consumer;
mod group;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::config::TopicConfig;
use crate::error::{AppendError, ConsumeError};
use crate::record::{Delivered, Position, Record, partition_of};
use crate::traits::{PartitionLag, Producer, Stream, Subscription};
use group::Group;

/// A place that stores records and positions. Topics are numbered as in the configuration.
pub(crate) trait Log: Send + Sync + 'static {
    /// Appends records whose partition is chosen; resolves when they are durable.
    fn append(
        &self,
        topic: usize,
        records: Vec<(u32, Record)>,
    ) -> impl Future<Output = Result<Vec<Position>, AppendError>> + Send;

    /// Up to `max` records from the given offset on, or from the oldest if that one is gone; empty if
    /// there is none yet.
    fn read(
        &self,
        topic: usize,
        partition: u32,
        from: u64,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Delivered>, ConsumeError>> + Send;

    /// Offset of the oldest record, and a view of the offset of the next one, which changes when records
    /// have become readable.
    fn bounds(&self, topic: usize, partition: u32) -> (u64, watch::Receiver<u64>);

    /// The committed position, if the group is registered.
    fn committed(&self, topic: usize, partition: u32, group: &str) -> Option<u64>;

    /// Stores positions; durable when it resolves. A position never moves backwards.
    fn commit(
        &self,
        topic: usize,
        group: &str,
        positions: Vec<(u32, u64)>,
    ) -> impl Future<Output = Result<(), ConsumeError>> + Send;

    /// Finishes what was accepted and refuses everything later.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A log with consumer groups: a backend.
pub(crate) struct Local<L> {
    log: Arc<L>,
    topics: Vec<TopicConfig>,
    numbers: HashMap<String, usize>,
    groups: Mutex<Groups>,
    grace: Duration,
}

#[derive(Default)]
struct Groups {
    closed: bool,
    open: HashMap<(usize, String), Arc<Group>>,
}

impl<L: Log> Local<L> {
    /// `grace` is how long a worker may keep a partition that was asked back.
    pub(crate) fn new(log: L, topics: Vec<TopicConfig>, grace: Duration) -> Self {
        let numbers = topics.iter().enumerate().map(|(number, topic)| (topic.name.clone(), number)).collect();
        Self { log: Arc::new(log), topics, numbers, groups: Mutex::default(), grace }
    }

    fn number(&self, topic: &str) -> Option<usize> {
        self.numbers.get(topic).copied()
    }

    fn consumed(&self, topic: &str) -> Result<usize, ConsumeError> {
        self.number(topic).ok_or_else(|| ConsumeError::UnknownTopic(topic.to_owned()))
    }

    fn group(&self, topic: usize, name: &str) -> Result<Arc<Group>, ConsumeError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.closed {
            return Err(ConsumeError::Unavailable { reason: "stream is closed".to_owned() });
        }
        let open = || Arc::new(Group::new(self.topics[topic].partitions, self.grace, Handle::current()));
        Ok(groups.open.entry((topic, name.to_owned())).or_insert_with(open).clone())
    }

    /// Gives a group that is new to the topic its first positions, so that nothing it has yet to read is
    /// dropped from now on.
    async fn register(&self, topic: usize, name: &str) -> Result<(), ConsumeError> {
        let start = |partition| {
            let (first, end) = self.log.bounds(topic, partition);
            if self.topics[topic].ephemeral { *end.borrow() } else { first }
        };
        let positions: Vec<(u32, u64)> = (0..self.topics[topic].partitions)
            .filter(|partition| self.log.committed(topic, *partition, name).is_none())
            .map(|partition| (partition, start(partition)))
            .collect();
        if positions.is_empty() { Ok(()) } else { self.log.commit(topic, name, positions).await }
    }
}

#[async_trait]
impl<L: Log> Producer for Local<L> {
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let number = self.number(topic).ok_or_else(|| AppendError::UnknownTopic(topic.to_owned()))?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let partitions = self.topics[number].partitions;
        let placed = records.into_iter().map(|record| (partition_of(&record.key, partitions), record));
        self.log.append(number, placed.collect()).await
    }

    fn partitions(&self, topic: &str) -> Result<u32, AppendError> {
        let number = self.number(topic).ok_or_else(|| AppendError::UnknownTopic(topic.to_owned()))?;
        Ok(self.topics[number].partitions)
    }
}

#[async_trait]
impl<L: Log> Stream for Local<L> {
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Subscription>, ConsumeError> {
        let number = self.consumed(topic)?;
        self.register(number, group).await?;
        let members = self.group(number, group)?;
        let place = consumer::Place { log: self.log.clone(), topic: number, group: group.to_owned() };
        Ok(Box::new(consumer::Member::join(place, members)))
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Vec<PartitionLag>, ConsumeError> {
        let number = self.consumed(topic)?;
        let lag = |partition| {
            let (first, end) = self.log.bounds(number, partition);
            let committed = self.log.committed(number, partition, group).unwrap_or(first);
            let end = *end.borrow();
            PartitionLag { partition, first, committed, end }
        };
        Ok((0..self.topics[number].partitions).map(lag).collect())
    }

    async fn close(&self) {
        let open = {
            let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            groups.closed = true;
            std::mem::take(&mut groups.open)
        };
        for group in open.values() {
            group.close();
        }
        self.log.close().await;
    }
}
