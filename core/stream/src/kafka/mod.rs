//! The stream on Apache Kafka: many nodes.
//!
//! Appends go through one idempotent producer with `acks=all`. Each subscription is a member of a Kafka
//! consumer group with a thread of its own (`member`), since the client's calls block; its rebalance
//! callback only forwards. Positions are Kafka's committed offsets, auto-commit is off.
//!
//! Unlike the other backends, Kafka drops records past their retention whether they were read or not:
//! watch [`lag`](crate::Stream::lag).

mod client;
mod lookup;
mod member;
mod partition;
mod producer;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{DEFAULT_MAX_RECORD, TopicConfig, check_topics};
use crate::error::{AppendError, ConsumeError, OpenError};
use crate::record::{Position, Record};
use crate::traits::{PartitionLag, Producer, Stream, Subscription};
use lookup::Lookup;
use member::{Control, Membership};
use producer::Appender;

/// How the Kafka backend is set up.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// Addresses of some brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// How this client calls itself towards the brokers.
    pub client_id: String,
    /// The topics. Those that do not exist are created: with three replicas, or as many as there are
    /// brokers, of which all but one must have a record before it counts as appended.
    pub topics: Vec<TopicConfig>,
    /// Bytes of the largest record.
    pub max_record: usize,
    /// Bytes that may wait to be acknowledged; beyond, appends are refused.
    pub queue_bytes: usize,
    /// Records that may wait to be acknowledged; beyond, appends are refused.
    pub queue_records: usize,
    /// How long a record waits for others to travel with.
    pub linger: Duration,
    /// How long a record may wait for its acknowledgement before the append fails.
    pub delivery_timeout: Duration,
    /// After how long without a sign of life the brokers take a consumer's partitions away; 6 s at least.
    pub session_timeout: Duration,
    /// How long a worker may keep a revoked partition.
    pub revoke_grace: Duration,
    /// How long opening, joining and looking up may wait for the brokers.
    pub request_timeout: Duration,
    /// Further settings of the client library, by its own names; they win over what is set here.
    pub settings: Vec<(String, String)>,
}

impl KafkaConfig {
    /// These brokers and topics with default limits.
    pub fn new(brokers: impl Into<String>, topics: Vec<TopicConfig>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "botbuilder".to_owned(),
            topics,
            max_record: DEFAULT_MAX_RECORD,
            queue_bytes: 64 * 1024 * 1024,
            queue_records: 100_000,
            linger: Duration::from_millis(3),
            delivery_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(10),
            revoke_grace: Duration::from_secs(25),
            request_timeout: Duration::from_secs(15),
            settings: Vec::new(),
        }
    }
}

/// Connects, creates missing topics, and waits until all of them have their leaders.
pub async fn open(config: KafkaConfig) -> Result<Arc<dyn Stream>, OpenError> {
    check_topics(&config.topics).map_err(OpenError::Config)?;
    let config = Arc::new(config);
    topics::ensure(&config).await?;
    let appender = Appender::new(&config).map_err(|error| OpenError::Backend(error.to_string()))?;
    let lookup = Lookup::new(config.clone());
    Ok(Arc::new(KafkaStream { config, appender, lookup, members: Mutex::default() }))
}

struct KafkaStream {
    config: Arc<KafkaConfig>,
    appender: Appender,
    lookup: Lookup,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    closed: bool,
    running: Vec<(Arc<Control>, std::thread::JoinHandle<()>)>,
}

impl KafkaStream {
    fn topic(&self, name: &str) -> Option<&TopicConfig> {
        self.config.topics.iter().find(|topic| topic.name == name)
    }

    fn consumed(&self, name: &str) -> Result<&TopicConfig, ConsumeError> {
        self.topic(name).ok_or_else(|| ConsumeError::UnknownTopic(name.to_owned()))
    }
}

#[async_trait]
impl Producer for KafkaStream {
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let topic = self.topic(topic).ok_or_else(|| AppendError::UnknownTopic(topic.to_owned()))?;
        self.appender.append(topic, &records).await
    }

    fn partitions(&self, topic: &str) -> Result<u32, AppendError> {
        let found = self.topic(topic).ok_or_else(|| AppendError::UnknownTopic(topic.to_owned()))?;
        Ok(found.partitions)
    }
}

#[async_trait]
impl Stream for KafkaStream {
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Subscription>, ConsumeError> {
        let topic = self.consumed(topic)?;
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        if members.closed {
            return Err(ConsumeError::Unavailable { reason: "stream is closed".to_owned() });
        }
        members.running.retain(|(_, thread)| !thread.is_finished());
        let Membership { subscription, control, thread } = member::join(&self.config, topic, group)?;
        members.running.push((control, thread));
        Ok(Box::new(subscription))
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Vec<PartitionLag>, ConsumeError> {
        let topic = self.consumed(topic)?.clone();
        self.lookup.lag(topic, group.to_owned()).await
    }

    async fn close(&self) {
        let running = {
            let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            members.closed = true;
            std::mem::take(&mut members.running)
        };
        for (control, _) in &running {
            control.stop();
        }
        self.appender.close(self.config.delivery_timeout).await;
        let joined = tokio::task::spawn_blocking(move || {
            let threads = running.into_iter().map(|(_, thread)| thread);
            threads.map(std::thread::JoinHandle::join).filter(Result::is_err).count()
        });
        if joined.await.unwrap_or(1) > 0 {
            tracing::error!("a kafka consumer ended with a panic");
        }
        self.lookup.close().await;
    }
}

/// Partitions by number, as Kafka counts them.
type ByPartition<T> = HashMap<i32, T>;

/// Kafka counts partitions with signed numbers.
fn signed(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Kafka counts partitions and offsets with signed numbers; those of records are never negative.
fn unsigned(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}
