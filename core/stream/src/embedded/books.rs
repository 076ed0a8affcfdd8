//! What each partition holds, counted.

use crate::config::TopicConfig;

/// One partition: records from `first` up to and without `next` are stored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    pub first: u64,
    /// Bytes of all records before `first`, since the partition exists.
    pub bytes_before_first: u64,
    pub next: u64,
    /// Bytes of all records before `next`.
    pub bytes_before_next: u64,
    /// When the newest record was appended, in milliseconds since 1970.
    pub newest_at: u64,
}

impl Extent {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_before_next.saturating_sub(self.bytes_before_first)
    }

    pub(super) fn records(&self) -> u64 {
        self.next.saturating_sub(self.first)
    }
}

/// All partitions of all topics.
#[derive(Debug, Clone)]
pub(super) struct Books(pub Vec<Vec<Extent>>);

impl Books {
    /// Whether so much more would exceed a cap of the topic.
    pub(super) fn is_over(&self, topic: usize, config: &TopicConfig, bytes: u64, records: u64) -> bool {
        let stored_bytes: u64 = self.0[topic].iter().map(Extent::bytes).sum();
        let stored_records: u64 = self.0[topic].iter().map(Extent::records).sum();
        stored_bytes + bytes > config.retain_bytes || stored_records + records > config.retain_records
    }

    /// Bytes of everything stored.
    pub(super) fn total_bytes(&self) -> u64 {
        self.0.iter().flatten().map(Extent::bytes).sum()
    }
}
