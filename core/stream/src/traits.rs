//! The traits every backend offers.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::error::{AppendError, ConsumeError};
use crate::record::{Delivered, Position, Record};

/// Appends records.
#[async_trait]
pub trait Producer: Send + Sync {
    /// Appends to a topic and resolves when all records are durable; the positions are in the order given.
    /// Records of one key keep the order in which they were appended. Dropping the future does not take
    /// back what was handed over.
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError>;

    /// How many partitions the topic has.
    fn partitions(&self, topic: &str) -> Result<u32, AppendError>;
}

/// A backend: appends and consumes.
#[async_trait]
pub trait Stream: Producer {
    /// Joins a consumer group. A group that reads the topic for the first time begins at the oldest
    /// record, or at the end if the topic is ephemeral. Dropping the subscription leaves the group.
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Subscription>, ConsumeError>;

    /// How far a group is behind, partition by partition.
    async fn lag(&self, topic: &str, group: &str) -> Result<Vec<PartitionLag>, ConsumeError>;

    /// Stops: what was appended becomes durable, consumers see their partitions revoked, everything later
    /// is refused.
    async fn close(&self);
}

/// One member of a consumer group.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next partition assigned to this member. `None` when the stream is closed.
    async fn assigned(&mut self) -> Result<Option<Box<dyn Partition>>, ConsumeError>;
}

/// One assigned partition, owned by one worker until it is dropped or revoked.
///
/// Revocation first asks (`revoked` is cancelled), then waits a bounded time until the worker has dropped
/// this, and only then lets the successor have the partition. After the bound the worker is fenced: its
/// commits are refused. A partition that is dropped without having been revoked is assigned again, from
/// the committed position.
#[async_trait]
pub trait Partition: Send {
    /// Number of the partition.
    fn id(&self) -> u32;

    /// The next records, at least one and at most `max`; waits until there is one. `Err(Revoked)` once
    /// revocation was asked for. Dropping the future loses nothing.
    async fn next(&mut self, max: usize) -> Result<Vec<Delivered>, ConsumeError>;

    /// Stores the next offset to read after a restart; durable when it resolves. Still possible while
    /// revocation waits for the worker. A position never moves backwards.
    async fn commit(&mut self, next: u64) -> Result<(), ConsumeError>;

    /// Cancelled when the worker should finish what it has in hand and drop the partition.
    fn revoked(&self) -> CancellationToken;
}

/// How far a group is behind in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionLag {
    /// Number of the partition.
    pub partition: u32,
    /// Offset of the oldest record still stored.
    pub first: u64,
    /// The next offset the group will read.
    pub committed: u64,
    /// The offset the next record to be appended will have.
    pub end: u64,
}

impl PartitionLag {
    /// Records stored and not yet committed.
    pub fn records(&self) -> u64 {
        self.end.saturating_sub(self.committed.max(self.first))
    }
}
