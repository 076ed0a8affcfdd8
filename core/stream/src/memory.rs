//! The stream in memory, for tests: everything is lost with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use botbuilder_domain::{Clock, SystemClock};
use tokio::sync::watch;

use crate::config::{DEFAULT_MAX_RECORD, TopicConfig, check_topics};
use crate::error::{AppendError, ConsumeError, OpenError};
use crate::local::{Local, Log};
use crate::record::{Delivered, Position, Record};
use crate::traits::Stream;

/// How the memory backend is set up.
#[derive(Clone)]
pub struct MemoryConfig {
    /// The topics.
    pub topics: Vec<TopicConfig>,
    /// Bytes of the largest record.
    pub max_record: usize,
    /// How long a worker may keep a revoked partition.
    pub revoke_grace: Duration,
    /// Stamps the records.
    pub clock: Arc<dyn Clock>,
}

impl MemoryConfig {
    /// These topics with default limits.
    pub fn new(topics: Vec<TopicConfig>) -> Self {
        Self {
            topics,
            max_record: DEFAULT_MAX_RECORD,
            revoke_grace: Duration::from_secs(25),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Opens an empty stream.
pub fn open(config: MemoryConfig) -> Result<Arc<dyn Stream>, OpenError> {
    check_topics(&config.topics).map_err(OpenError::Config)?;
    let topics = config.topics.iter().map(Topic::new).collect();
    let MemoryConfig { topics: configs, max_record, revoke_grace, clock } = config;
    let log = MemoryLog { state: Mutex::new(State { closed: false, topics }), max_record, clock };
    Ok(Arc::new(Local::new(log, configs, revoke_grace)))
}

struct MemoryLog {
    state: Mutex<State>,
    max_record: usize,
    clock: Arc<dyn Clock>,
}

struct State {
    closed: bool,
    topics: Vec<Topic>,
}

struct Topic {
    config: TopicConfig,
    partitions: Vec<Held>,
    bytes: usize,
    records: usize,
}

struct Held {
    first: u64,
    records: VecDeque<Delivered>,
    end: watch::Sender<u64>,
    positions: HashMap<String, u64>,
}

impl Topic {
    fn new(config: &TopicConfig) -> Self {
        let held = || Held {
            first: 0,
            records: VecDeque::new(),
            end: watch::Sender::new(0),
            positions: HashMap::new(),
        };
        let partitions = (0..config.partitions).map(|_| held()).collect();
        Self { config: config.clone(), partitions, bytes: 0, records: 0 }
    }

    /// Drops what is older than the retention and, oldest first, what exceeds the caps.
    fn trim(&mut self, now: i64, bytes: usize, records: usize) {
        let retain = i64::try_from(self.config.retain_for.as_millis()).unwrap_or(i64::MAX);
        let cutoff = now.saturating_sub(retain);
        loop {
            let over = self.is_over(bytes, records);
            let ephemeral = self.config.ephemeral;
            let oldest = self
                .partitions
                .iter_mut()
                .filter(|held| held.may_drop_first(ephemeral))
                .min_by_key(|held| held.records.front().map(|record| record.appended_at));
            let Some(oldest) = oldest else { return };
            let expired = oldest.records.front().is_some_and(|record| record.appended_at < cutoff);
            if !over && !expired {
                return;
            }
            if let Some(dropped) = oldest.records.pop_front() {
                oldest.first += 1;
                self.bytes -= dropped.record.size();
                self.records -= 1;
            }
        }
    }

    /// Whether so much more would exceed a cap.
    fn is_over(&self, bytes: usize, records: usize) -> bool {
        (self.bytes + bytes) as u64 > self.config.retain_bytes
            || (self.records + records) as u64 > self.config.retain_records
    }
}

impl Held {
    fn may_drop_first(&self, ephemeral: bool) -> bool {
        let unread = self.positions.values().min().is_some_and(|committed| *committed <= self.first);
        !self.records.is_empty() && (ephemeral || !unread)
    }
}

impl MemoryLog {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, topic: usize, records: Vec<(u32, Record)>) -> Result<Vec<Position>, AppendError> {
        for (_, record) in &records {
            if record.size() > self.max_record {
                return Err(AppendError::TooLarge { size: record.size(), limit: self.max_record });
            }
        }
        let mut state = self.lock();
        if state.closed {
            return Err(AppendError::Unavailable { reason: "stream is closed".to_owned() });
        }
        let topic = &mut state.topics[topic];
        let bytes = records.iter().map(|(_, record)| record.size()).sum();
        let now = self.clock.now().timestamp_millis();
        topic.trim(now, bytes, records.len());
        if topic.is_over(bytes, records.len()) {
            return Err(AppendError::Full { retry_after: Duration::from_secs(1) });
        }
        topic.bytes += bytes;
        topic.records += records.len();
        let mut positions = Vec::with_capacity(records.len());
        for (partition, record) in records {
            let held = &mut topic.partitions[partition as usize];
            let position = Position { partition, offset: held.first + held.records.len() as u64 };
            let appended_at = held.records.back().map_or(now, |last| now.max(last.appended_at));
            held.records.push_back(Delivered { position, appended_at, record });
            positions.push(position);
        }
        for held in &topic.partitions {
            held.end.send_replace(held.first + held.records.len() as u64);
        }
        Ok(positions)
    }
}

impl Log for MemoryLog {
    async fn append(&self, topic: usize, records: Vec<(u32, Record)>) -> Result<Vec<Position>, AppendError> {
        self.store(topic, records)
    }

    async fn read(
        &self,
        topic: usize,
        partition: u32,
        from: u64,
        max: usize,
    ) -> Result<Vec<Delivered>, ConsumeError> {
        let state = self.lock();
        let held = &state.topics[topic].partitions[partition as usize];
        let skip = usize::try_from(from.saturating_sub(held.first)).unwrap_or(usize::MAX);
        Ok(held.records.iter().skip(skip).take(max).cloned().collect())
    }

    fn bounds(&self, topic: usize, partition: u32) -> (u64, watch::Receiver<u64>) {
        let state = self.lock();
        let held = &state.topics[topic].partitions[partition as usize];
        (held.first, held.end.subscribe())
    }

    fn committed(&self, topic: usize, partition: u32, group: &str) -> Option<u64> {
        self.lock().topics[topic].partitions[partition as usize].positions.get(group).copied()
    }

    async fn commit(
        &self,
        topic: usize,
        group: &str,
        positions: Vec<(u32, u64)>,
    ) -> Result<(), ConsumeError> {
        let mut state = self.lock();
        if state.closed {
            return Err(ConsumeError::Unavailable { reason: "stream is closed".to_owned() });
        }
        for (partition, next) in positions {
            let held = &mut state.topics[topic].partitions[partition as usize];
            let committed = held.positions.entry(group.to_owned()).or_insert(next);
            *committed = next.max(*committed);
        }
        Ok(())
    }

    async fn close(&self) {
        self.lock().closed = true;
    }
}
