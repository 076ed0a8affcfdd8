//! What all clients of the brokers have in common.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::KafkaConfig;
use crate::config::TopicConfig;

/// Settings every client has.
fn common(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", &config.client_id)
        .set("allow.auto.create.topics", "false")
        // A broker that comes back is found again within a second.
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "60000");
    client.set_log_level(RDKafkaLogLevel::Warning);
    client
}

fn with_settings(mut client: ClientConfig, config: &KafkaConfig) -> ClientConfig {
    for (name, value) in &config.settings {
        client.set(name, value);
    }
    client
}

pub(super) fn admin(config: &KafkaConfig) -> ClientConfig {
    with_settings(common(config), config)
}

pub(super) fn producer(config: &KafkaConfig) -> ClientConfig {
    let mut client = common(config);
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", config.linger.as_millis().to_string())
        .set("delivery.timeout.ms", config.delivery_timeout.as_millis().to_string())
        .set("message.max.bytes", message_bytes(config).to_string())
        // Our own bounds are reached first, so that an append is refused as a whole.
        .set(
            "queue.buffering.max.kbytes",
            (config.queue_bytes / 512 + message_bytes(config) / 1024).to_string(),
        )
        .set("queue.buffering.max.messages", (config.queue_records * 2).to_string());
    with_settings(client, config)
}

pub(super) fn consumer(config: &KafkaConfig, topic: &TopicConfig, group: &str) -> ClientConfig {
    let session = config.session_timeout;
    // While a revocation waits for its workers, the thread goes on polling; this is for when it cannot.
    let poll = session * 2 + config.revoke_grace * 2 + config.request_timeout * 2;
    let mut client = common(config);
    client
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", if topic.ephemeral { "latest" } else { "earliest" })
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", (session / 4).as_millis().to_string())
        .set("max.poll.interval.ms", poll.as_millis().to_string())
        .set("check.crcs", "true")
        .set("fetch.message.max.bytes", "1048576")
        .set("fetch.max.bytes", (message_bytes(config) * 2).to_string())
        // Per partition; what waits here is not committed and so not lost.
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.error.backoff.ms", "100");
    with_settings(client, config)
}

/// Bytes of the largest record with what Kafka puts around it.
pub(super) fn message_bytes(config: &KafkaConfig) -> usize {
    config.max_record + 64 * 1024
}

/// Passes what the client library says on to the log.
pub(super) struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client");
    }
}

pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, message, "kafka client"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "kafka client"),
        _ => tracing::debug!(facility, message, "kafka client"),
    }
}
