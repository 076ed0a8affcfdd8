//! `[stream]`: the log that every event passes through.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Error, Problem, secret_value, units};
use botbuilder_domain::Secret;

/// Which implementation holds the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Kafka when brokers are configured, otherwise embedded.
    Auto,
    /// Nothing is kept over a restart; for tests.
    Memory,
    /// A durable log in the data directory; one node.
    Embedded,
    /// Apache Kafka; many nodes.
    Kafka,
}

/// The stream.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    /// Which implementation.
    pub backend: Backend,
    /// Partitions of each topic: the most workers that can share a topic. Fixed once a topic exists.
    pub partitions: u32,
    /// Producer queue: most bytes waiting to become durable; beyond it callers are told to come back later.
    #[serde(with = "units::bytes")]
    pub queue_bytes: u64,
    /// Producer queue: most records waiting to become durable.
    pub queue_records: usize,
    /// How long records are kept.
    pub retention: Retention,
    /// The embedded log.
    pub embedded: Embedded,
    /// The Kafka client.
    pub kafka: Kafka,
}

/// How long records are kept, by topic. Records that a consumer has not committed are never dropped.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// `inbound` and `outbound`.
    #[serde(with = "units::duration")]
    pub messages: Duration,
    /// `status`.
    #[serde(with = "units::duration")]
    pub status: Duration,
    /// `realtime`.
    #[serde(with = "units::duration")]
    pub realtime: Duration,
    /// Dead letters.
    #[serde(with = "units::duration")]
    pub dead: Duration,
    /// Most bytes of one topic.
    #[serde(with = "units::bytes")]
    pub max_bytes: u64,
}

/// Settings of the embedded log.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Embedded {
    /// Directory of the log; relative to the data directory.
    pub directory: PathBuf,
}

/// Settings of the Kafka client.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kafka {
    /// `host:port` of brokers to begin with.
    pub brokers: Vec<String>,
    /// Prefix of every topic and consumer group.
    pub prefix: String,
    /// SASL user name; none means no authentication.
    pub username: Option<String>,
    /// SASL password.
    #[serde(serialize_with = "secret_value::hide")]
    pub password: Option<Secret<String>>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Further librdkafka properties, e.g. `"security.protocol" = "sasl_ssl"`.
    pub properties: BTreeMap<String, String>,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            partitions: 16,
            queue_bytes: 64 << 20,
            queue_records: 100_000,
            retention: Retention::default(),
            embedded: Embedded::default(),
            kafka: Kafka::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages: Duration::from_hours(7 * 24),
            status: Duration::from_hours(3 * 24),
            realtime: Duration::from_mins(10),
            dead: Duration::from_hours(30 * 24),
            max_bytes: 10 << 30,
        }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { directory: PathBuf::from("stream") }
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            prefix: "botbuilder.".to_owned(),
            username: None,
            password: None,
            password_file: None,
            properties: BTreeMap::new(),
        }
    }
}

impl Stream {
    /// The backend that is meant: never [`Backend::Auto`].
    pub fn chosen_backend(&self) -> Backend {
        match self.backend {
            Backend::Auto if self.kafka.brokers.is_empty() => Backend::Embedded,
            Backend::Auto => Backend::Kafka,
            chosen => chosen,
        }
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        let kafka = &self.kafka;
        Problem::unless(
            (1..=1024).contains(&self.partitions),
            "stream.partitions",
            "must be between 1 and 1024",
            problems,
        );
        Problem::unless(self.queue_bytes >= 1 << 20, "stream.queue_bytes", "must be at least 1MiB", problems);
        Problem::unless(self.queue_records > 0, "stream.queue_records", "must be at least 1", problems);
        Problem::unless(
            self.chosen_backend() != Backend::Kafka || !kafka.brokers.is_empty(),
            "stream.kafka.brokers",
            "must name at least one broker when the backend is kafka",
            problems,
        );
        secret_value::not_both(
            "stream.kafka.password",
            kafka.password.as_ref(),
            kafka.password_file.as_deref(),
            problems,
        );
        for (key, value) in [
            ("stream.retention.messages", self.retention.messages),
            ("stream.retention.status", self.retention.status),
            ("stream.retention.realtime", self.retention.realtime),
            ("stream.retention.dead", self.retention.dead),
        ] {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
    }
}

impl Kafka {
    /// The SASL password, read from its file if that is how it is given.
    pub fn sasl_password(&self) -> Result<Option<Secret<String>>, Error> {
        secret_value::resolve("stream.kafka.password", self.password.as_ref(), self.password_file.as_deref())
    }
}
