//! The durable, ordered stream: append, read in order, commit; in memory, embedded and Kafka.
//!
//! A topic has partitions; a record's key chooses its partition ([`partition_of`]), so records of one key
//! stay in order. An append resolves when the records are durable. A consumer group reads each record at
//! least once and moves its position only by committing. Every backend keeps these promises, and the
//! functions of `conformance` test them.
//!
//! To add a backend: implement [`Producer`] and [`Stream`], and call every function of `conformance` from
//! `tests/it`.

mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod dead_letter;
pub mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod local;
pub mod memory;
mod prefixed;
mod record;
mod traits;

pub use config::{DEFAULT_MAX_RECORD, DEFAULT_PARTITIONS, TopicConfig, default_topics};
pub use dead_letter::{APPENDED_AT, OFFSET, PARTITION, REASON, TOPIC, dead_letter};
pub use error::{AppendError, ConsumeError, OpenError};
pub use prefixed::Prefixed;
pub use record::{Delivered, Position, Record, partition_of};
pub use traits::{Partition, PartitionLag, Producer, Stream, Subscription};
