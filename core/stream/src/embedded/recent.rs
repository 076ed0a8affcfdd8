//! The newest records of a partition, so that consumers at the tail do not ask the engine.

use std::collections::VecDeque;

use crate::record::Delivered;

/// Newest records without a gap, bounded in bytes.
pub(super) struct Recent {
    records: VecDeque<Delivered>,
    bytes: usize,
    limit: usize,
}

impl Recent {
    pub(super) fn new(limit: usize) -> Self {
        Self { records: VecDeque::new(), bytes: 0, limit }
    }

    /// Adds what was appended, in order, and drops the oldest beyond the bound.
    pub(super) fn extend(&mut self, records: Vec<Delivered>) {
        for record in records {
            self.bytes += footprint(&record);
            self.records.push_back(record);
        }
        while self.bytes > self.limit {
            let Some(dropped) = self.records.pop_front() else { break };
            self.bytes -= footprint(&dropped);
        }
    }

    /// Up to `max` records from that offset on; `None` if that offset is older than what is held here.
    pub(super) fn read(&self, from: u64, max: usize) -> Option<Vec<Delivered>> {
        let first = self.records.front()?.position.offset;
        let skip = usize::try_from(from.checked_sub(first)?).ok()?;
        Some(self.records.iter().skip(skip).take(max).cloned().collect())
    }
}

fn footprint(record: &Delivered) -> usize {
    record.record.size() + size_of::<Delivered>()
}
