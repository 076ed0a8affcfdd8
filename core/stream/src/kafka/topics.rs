//! Creates missing topics and checks existing ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::client::{self, Logged};
use super::{KafkaConfig, signed};
use crate::config::TopicConfig;
use crate::error::OpenError;

type Admin = AdminClient<Logged>;

/// Makes sure that every topic exists with its number of partitions and can be used.
pub(super) async fn ensure(config: &Arc<KafkaConfig>) -> Result<(), OpenError> {
    let admin = Arc::new(Admin::from_config_and_context(&client::admin(config), Logged).map_err(backend)?);
    let until = Instant::now() + config.request_timeout;
    let known = survey(&admin, config.request_timeout).await?;
    let missing: Vec<&TopicConfig> =
        config.topics.iter().filter(|topic| !known.partitions.contains_key(&topic.name)).collect();
    create(&admin, config, &missing, known.brokers).await?;
    loop {
        let known = survey(&admin, config.request_timeout).await?;
        let mut ready = true;
        for topic in &config.topics {
            match known.partitions.get(&topic.name) {
                Some((partitions, led)) if *partitions == topic.partitions as usize => ready &= led,
                Some((partitions, _)) => {
                    let TopicConfig { name, partitions: wanted, .. } = topic;
                    let reason = format!("topic {name:?} has {partitions} partitions, not {wanted}");
                    return Err(OpenError::Config(reason));
                }
                None => ready = false,
            }
        }
        if ready {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(OpenError::Backend("topics have no leaders".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn create(
    admin: &Admin,
    config: &KafkaConfig,
    topics: &[&TopicConfig],
    brokers: usize,
) -> Result<(), OpenError> {
    if topics.is_empty() {
        return Ok(());
    }
    let replicas = brokers.clamp(1, 3);
    // One replica may fail without stopping appends, and what was appended is then on another one.
    let in_sync = replicas.saturating_sub(1).max(1).to_string();
    let message_bytes = client::message_bytes(config).to_string();
    let kept: Vec<(String, String)> = topics.iter().map(|topic| retention(topic)).collect();
    let new = topics.iter().zip(&kept).map(|(topic, (time, bytes))| {
        let replication = TopicReplication::Fixed(i32::try_from(replicas).unwrap_or(1));
        NewTopic::new(&topic.name, signed(topic.partitions), replication)
            .set("cleanup.policy", "delete")
            .set("min.insync.replicas", &in_sync)
            .set("unclean.leader.election.enable", "false")
            .set("message.timestamp.type", "LogAppendTime")
            .set("max.message.bytes", &message_bytes)
            .set("retention.ms", time)
            .set("retention.bytes", bytes)
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let options = AdminOptions::new().operation_timeout(Some(config.request_timeout));
    for created in admin.create_topics(&new, &options).await.map_err(backend)? {
        match created {
            // Another node was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(OpenError::Backend(format!("topic {topic:?} cannot be created: {code}")));
            }
        }
    }
    Ok(())
}

/// Milliseconds, and bytes per partition.
fn retention(topic: &TopicConfig) -> (String, String) {
    let bytes = topic.retain_bytes / u64::from(topic.partitions);
    (topic.retain_for.as_millis().to_string(), bytes.to_string())
}

struct Known {
    brokers: usize,
    /// Number of partitions, and whether all have a leader.
    partitions: HashMap<String, (usize, bool)>,
}

async fn survey(admin: &Arc<Admin>, timeout: Duration) -> Result<Known, OpenError> {
    let admin = admin.clone();
    let fetched = tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(None, timeout));
    let metadata = fetched.await.map_err(|error| OpenError::Backend(error.to_string()))?;
    let metadata: Metadata = metadata.map_err(backend)?;
    let partitions = metadata.topics().iter().map(|topic| {
        let led = topic.partitions().iter().all(|partition| partition.leader() >= 0);
        (topic.name().to_owned(), (topic.partitions().len(), led && topic.error().is_none()))
    });
    Ok(Known { brokers: metadata.brokers().len(), partitions: partitions.collect() })
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn backend(error: KafkaError) -> OpenError {
    OpenError::Backend(error.to_string())
}
