//! Appends through one idempotent producer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};

use super::client::{self, Logged};
use super::{KafkaConfig, signed, unsigned};
use crate::config::TopicConfig;
use crate::error::AppendError;
use crate::record::{Position, Record, partition_of};

type Native = FutureProducer<Logged>;

/// When a producer may try again after the queue was full.
const QUEUE_RETRY: Duration = Duration::from_secs(1);

pub(super) struct Appender {
    client: ClientConfig,
    /// Replaced when the client library has given it up; `None` once closed.
    native: RwLock<Option<Native>>,
    waiting: Arc<Waiting>,
    max_record: usize,
}

/// What is handed over and not yet acknowledged.
struct Waiting {
    bytes: AtomicUsize,
    records: AtomicUsize,
    max_bytes: usize,
    max_records: usize,
}

/// A share of the queue, given back when dropped.
struct Share<'a> {
    waiting: &'a Waiting,
    bytes: usize,
    records: usize,
}

impl Appender {
    pub(super) fn new(config: &KafkaConfig) -> KafkaResult<Self> {
        let client = client::producer(config);
        let native = Native::from_config_and_context(&client, Logged)?;
        let waiting = Waiting {
            bytes: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            max_bytes: config.queue_bytes,
            max_records: config.queue_records,
        };
        Ok(Self {
            client,
            native: RwLock::new(Some(native)),
            waiting: Arc::new(waiting),
            max_record: config.max_record,
        })
    }

    pub(super) async fn append(
        &self,
        topic: &TopicConfig,
        records: &[Record],
    ) -> Result<Vec<Position>, AppendError> {
        for record in records {
            if record.size() > self.max_record {
                return Err(AppendError::TooLarge { size: record.size(), limit: self.max_record });
            }
        }
        let _share = self.waiting.take(records)?;
        let native = self.native.read().unwrap_or_else(PoisonError::into_inner).clone();
        let native = native.ok_or_else(|| unavailable("stream is closed"))?;
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records {
            match send(&native, topic, record) {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => return Err(self.refusal(&native, &error)),
            }
        }
        let mut positions = Vec::with_capacity(records.len());
        for delivery in deliveries {
            match delivery.await {
                Ok(Ok(place)) => positions.push(Position {
                    partition: u32::try_from(place.partition).unwrap_or(0),
                    offset: unsigned(place.offset),
                }),
                Ok(Err((error, _))) => return Err(self.refusal(&native, &error)),
                Err(_) => return Err(unavailable("producer has ended")),
            }
        }
        Ok(positions)
    }

    /// Sends what waits, for at most this time, and accepts nothing more.
    pub(super) async fn close(&self, timeout: Duration) {
        let native = self.native.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(native) = native else { return };
        let flushed = tokio::task::spawn_blocking(move || native.flush(timeout)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("kafka producer closed with records unacknowledged");
        }
    }

    fn refusal(&self, native: &Native, error: &KafkaError) -> AppendError {
        // The library gives up for good when it can no longer tell what was stored. What it refused is
        // the caller's to repeat; a new producer takes it.
        if let Some((code, reason)) = native.client().fatal_error() {
            tracing::error!(%code, reason, "kafka producer given up, starting another");
            self.replace(native);
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => AppendError::Full { retry_after: QUEUE_RETRY },
            _ => unavailable(&error.to_string()),
        }
    }

    fn replace(&self, given_up: &Native) {
        let mut current = self.native.write().unwrap_or_else(PoisonError::into_inner);
        let same = current.as_ref().is_some_and(|current| {
            std::ptr::eq(current.client().native_ptr(), given_up.client().native_ptr())
        });
        if same {
            match Native::from_config_and_context(&self.client, Logged) {
                Ok(native) => *current = Some(native),
                Err(error) => tracing::error!(%error, "kafka producer cannot be started"),
            }
        }
    }
}

fn send(native: &Native, topic: &TopicConfig, record: &Record) -> Result<DeliveryFuture, KafkaError> {
    let Record { key, payload, headers } = record;
    let message = FutureRecord::to(&topic.name)
        .partition(signed(partition_of(key, topic.partitions)))
        .key(key.as_bytes())
        .payload(&payload[..]);
    let message = if headers.is_empty() {
        message
    } else {
        let empty = OwnedHeaders::new_with_capacity(headers.len());
        let headers = headers.iter().fold(empty, |all, (name, value)| {
            all.insert(Header { key: name, value: Some(value.as_bytes()) })
        });
        message.headers(headers)
    };
    native.send_result(message).map_err(|(error, _)| error)
}

impl Waiting {
    fn take(&self, records: &[Record]) -> Result<Share<'_>, AppendError> {
        let share =
            Share { waiting: self, bytes: records.iter().map(Record::size).sum(), records: records.len() };
        let bytes = self.bytes.fetch_add(share.bytes, Ordering::Relaxed) + share.bytes;
        let before = self.records.fetch_add(share.records, Ordering::Relaxed);
        // One append larger than the whole queue would otherwise never get in.
        let full = bytes > self.max_bytes || before + share.records > self.max_records;
        if full && before > 0 {
            return Err(AppendError::Full { retry_after: QUEUE_RETRY });
        }
        Ok(share)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.waiting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.waiting.records.fetch_sub(self.records, Ordering::Relaxed);
    }
}

fn unavailable(reason: &str) -> AppendError {
    AppendError::Unavailable { reason: reason.to_owned() }
}
