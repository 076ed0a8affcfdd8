//! The topics and what is kept of them.

use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const GIB: u64 = 1024 * 1024 * 1024;

/// Partitions of a topic unless configured otherwise.
pub const DEFAULT_PARTITIONS: u32 = 8;

/// Bytes of the largest record taken unless configured otherwise. A provider's request may carry up to
/// 4 MiB, but many events; each becomes a record.
pub const DEFAULT_MAX_RECORD: usize = 5 * 1024 * 1024;

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// Name, for example `inbound`.
    pub name: String,
    /// Number of partitions; cannot be changed once records are stored.
    pub partitions: u32,
    /// Records older than this are dropped.
    pub retain_for: Duration,
    /// Bytes kept at most, over all partitions; the oldest are dropped.
    pub retain_bytes: u64,
    /// Records kept at most by the memory and embedded backends, over all partitions: the embedded
    /// engine holds at least 48 bytes of index per stored record in memory.
    pub retain_records: u64,
    /// News of the moment: a new group begins at the end, and unread records are dropped like read ones.
    /// In other topics the memory and embedded backends never drop a record that a group has yet to
    /// commit: at the cap they refuse to append.
    pub ephemeral: bool,
}

impl TopicConfig {
    /// A topic kept for seven days or 10 GiB.
    pub fn new(name: impl Into<String>, partitions: u32) -> Self {
        Self {
            name: name.into(),
            partitions,
            retain_for: 7 * DAY,
            retain_bytes: 10 * GIB,
            retain_records: 2_000_000,
            ephemeral: false,
        }
    }
}

/// The topics of the platform with their default retention, and dead letters for `inbound` and `outbound`.
pub fn default_topics(partitions: u32) -> Vec<TopicConfig> {
    let topic =
        |name: &str, retain_for: Duration| TopicConfig { retain_for, ..TopicConfig::new(name, partitions) };
    vec![
        topic("inbound", 7 * DAY),
        topic("outbound", 7 * DAY),
        topic("questions", 7 * DAY),
        topic("status", 3 * DAY),
        TopicConfig { ephemeral: true, ..topic("realtime", Duration::from_mins(10)) },
        topic("inbound.dead", 30 * DAY),
        topic("outbound.dead", 30 * DAY),
    ]
}

/// Refuses what cannot be right.
pub(crate) fn check_topics(topics: &[TopicConfig]) -> Result<(), String> {
    let mut names = std::collections::HashSet::new();
    for topic in topics {
        if topic.name.is_empty() || topic.partitions == 0 {
            return Err(format!("topic {:?} needs a name and at least one partition", topic.name));
        }
        if !names.insert(&topic.name) {
            return Err(format!("topic {:?} is listed twice", topic.name));
        }
    }
    Ok(())
}
