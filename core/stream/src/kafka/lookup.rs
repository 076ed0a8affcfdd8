//! Looks up how far groups are, without being a member.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;

use super::client::{self, Logged};
use super::{KafkaConfig, signed, unsigned};
use crate::config::TopicConfig;
use crate::error::ConsumeError;
use crate::traits::PartitionLag;

impl ConsumerContext for Logged {}

type Client = Arc<BaseConsumer<Logged>>;

/// One idle client per group that was asked about.
pub(super) struct Lookup {
    config: Arc<KafkaConfig>,
    clients: Arc<Mutex<HashMap<String, Client>>>,
}

impl Lookup {
    pub(super) fn new(config: Arc<KafkaConfig>) -> Self {
        Self { config, clients: Arc::default() }
    }

    pub(super) async fn lag(
        &self,
        topic: TopicConfig,
        group: String,
    ) -> Result<Vec<PartitionLag>, ConsumeError> {
        let (config, clients) = (self.config.clone(), self.clients.clone());
        let found = tokio::task::spawn_blocking(move || {
            let client = client(&config, &clients, &topic, &group)?;
            // Nothing is subscribed; this only takes in what the library has to report.
            let _ = client.poll(Duration::ZERO);
            measure(&client, &topic, config.request_timeout)
        });
        let found = found.await.map_err(|error| error.to_string());
        found
            .and_then(|lag| lag.map_err(|error| error.to_string()))
            .map_err(|reason| ConsumeError::Unavailable { reason })
    }

    pub(super) async fn close(&self) {
        let clients = std::mem::take(&mut *self.clients.lock().unwrap_or_else(PoisonError::into_inner));
        // Closing a client waits for its threads.
        if tokio::task::spawn_blocking(move || drop(clients)).await.is_err() {
            tracing::error!("kafka client ended with a panic");
        }
    }
}

fn client(
    config: &KafkaConfig,
    clients: &Mutex<HashMap<String, Client>>,
    topic: &TopicConfig,
    group: &str,
) -> KafkaResult<Client> {
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(group) {
        return Ok(client.clone());
    }
    let settings = client::consumer(config, topic, group);
    let client = Arc::new(BaseConsumer::from_config_and_context(&settings, Logged)?);
    clients.insert(group.to_owned(), client.clone());
    Ok(client)
}

fn measure(client: &Client, topic: &TopicConfig, timeout: Duration) -> KafkaResult<Vec<PartitionLag>> {
    let mut wanted = TopicPartitionList::new();
    for partition in 0..topic.partitions {
        wanted.add_partition(&topic.name, signed(partition));
    }
    let committed = client.committed_offsets(wanted, timeout)?;
    let mut lag = Vec::new();
    for partition in 0..topic.partitions {
        let (first, end) = client.fetch_watermarks(&topic.name, signed(partition), timeout)?;
        let found = committed.find_partition(&topic.name, signed(partition));
        let committed = match found.map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => first,
        };
        let (first, committed, end) = (unsigned(first), unsigned(committed), unsigned(end));
        lag.push(PartitionLag { partition, first, committed, end });
    }
    Ok(lag)
}
