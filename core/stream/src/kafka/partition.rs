//! One assigned partition in the hands of a worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::member::Forward;
use super::unsigned;
use crate::error::ConsumeError;
use crate::record::{Delivered, Position, Record};
use crate::traits::Partition;

/// The queue is looked at this often even if nobody said that something has arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A commit is repeated this often while the group is changing.
const REPEAT_COMMIT: Duration = Duration::from_millis(50);

/// What is fetched of one partition; outlives the workers that read it.
pub(super) struct Reader {
    /// Taken away when the partition is.
    pub queue: Mutex<Option<PartitionQueue<Forward>>>,
    pub arrived: Arc<Notify>,
    /// The committed position.
    pub position: AtomicU64,
}

/// The right of one worker to a partition.
#[derive(Default)]
pub(super) struct Lease {
    pub revoked: CancellationToken,
    /// The worker's time is over: it may commit nothing more.
    pub fenced: AtomicBool,
    /// The worker has let go.
    pub dropped: AtomicBool,
}

pub(super) struct Assigned {
    pub topic: Arc<str>,
    pub id: i32,
    pub consumer: Weak<BaseConsumer<Forward>>,
    pub reader: Arc<Reader>,
    pub lease: Arc<Lease>,
    /// A damaged record: everything after it waits until somebody acts.
    pub damaged: Option<ConsumeError>,
}

impl Drop for Assigned {
    fn drop(&mut self) {
        self.lease.dropped.store(true, Ordering::Release);
    }
}

#[async_trait]
impl Partition for Assigned {
    fn id(&self) -> u32 {
        u32::try_from(self.id).unwrap_or(0)
    }

    async fn next(&mut self, max: usize) -> Result<Vec<Delivered>, ConsumeError> {
        loop {
            if self.lease.revoked.is_cancelled() {
                return Err(ConsumeError::Revoked);
            }
            let records = self.take(max.max(1))?;
            if !records.is_empty() {
                return Ok(records);
            }
            tokio::select! {
                () = self.lease.revoked.cancelled() => {}
                () = self.reader.arrived.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn commit(&mut self, next: u64) -> Result<(), ConsumeError> {
        loop {
            if self.lease.fenced.load(Ordering::Acquire) {
                return Err(ConsumeError::Revoked);
            }
            if next <= self.reader.position.load(Ordering::Acquire) {
                return Ok(());
            }
            let (topic, id, consumer) = (self.topic.clone(), self.id, self.consumer.clone());
            let committed = tokio::task::spawn_blocking(move || match consumer.upgrade() {
                Some(consumer) => commit(&consumer, &topic, id, next).map(|()| true),
                None => Ok(false),
            });
            let committed = committed.await.map_err(|error| unavailable(&error.to_string()))?;
            match committed {
                Ok(true) => {
                    self.reader.position.fetch_max(next, Ordering::AcqRel);
                    return Ok(());
                }
                Ok(false) => return Err(ConsumeError::Revoked),
                Err(error) => match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::RebalanceInProgress) => {
                        tokio::time::sleep(REPEAT_COMMIT).await;
                    }
                    Some(
                        RDKafkaErrorCode::IllegalGeneration
                        | RDKafkaErrorCode::UnknownMemberId
                        | RDKafkaErrorCode::FencedInstanceId,
                    ) => return Err(ConsumeError::Revoked),
                    _ => return Err(unavailable(&error.to_string())),
                },
            }
        }
    }

    fn revoked(&self) -> CancellationToken {
        self.lease.revoked.clone()
    }
}

impl Assigned {
    /// What has arrived, up to `max`, without waiting.
    fn take(&mut self, max: usize) -> Result<Vec<Delivered>, ConsumeError> {
        if let Some(damage) = &self.damaged {
            return Err(damage.clone());
        }
        let queue = self.reader.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else { return Err(ConsumeError::Revoked) };
        let mut records = Vec::new();
        while records.len() < max {
            match queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => records.push(deliver(&message)),
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage))) => {
                    let place = format!("{}/{}", self.topic, self.id);
                    self.damaged =
                        Some(ConsumeError::Damaged { place, reason: "checksum does not fit".to_owned() });
                    break;
                }
                // Brokers come and go; the library goes on by itself.
                Some(Err(error)) => {
                    tracing::warn!(topic = &*self.topic, partition = self.id, %error, "kafka fetch");
                }
            }
        }
        match &self.damaged {
            Some(damage) if records.is_empty() => Err(damage.clone()),
            _ => Ok(records),
        }
    }
}

/// Stores a position with the brokers. Blocks.
pub(super) fn commit(
    consumer: &BaseConsumer<Forward>,
    topic: &str,
    partition: i32,
    next: u64,
) -> KafkaResult<()> {
    let mut positions = TopicPartitionList::new();
    let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
    positions.add_partition_offset(topic, partition, offset)?;
    consumer.commit(&positions, CommitMode::Sync)
}

fn deliver(message: &BorrowedMessage<'_>) -> Delivered {
    // Others may write to the topic as well; our own keys and headers are text.
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers =
        headers.map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default())).collect();
    let record = Record {
        key: message.key().map(text).unwrap_or_default(),
        payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        headers,
    };
    let position = Position {
        partition: u32::try_from(message.partition()).unwrap_or(0),
        offset: unsigned(message.offset()),
    };
    Delivered { position, appended_at: message.timestamp().to_millis().unwrap_or(0), record }
}

fn unavailable(reason: &str) -> ConsumeError {
    ConsumeError::Unavailable { reason: reason.to_owned() }
}
