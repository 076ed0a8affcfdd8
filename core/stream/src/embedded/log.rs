//! The log as everybody but the writer sees it: hand over, read, look up.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use raft_engine::{Engine, Error};
use tokio::sync::{oneshot, watch};

use super::EmbeddedConfig;
use super::books::Extent;
use super::entry::{self, Entry};
use super::readers::Readers;
use super::recent::Recent;
use super::writer::{Append, Commit, Queue, Request, Writer};
use crate::config::TopicConfig;
use crate::error::{AppendError, ConsumeError};
use crate::local::Log;
use crate::record::{Delivered, Position, Record};

/// Bytes read from the engine at once.
const READ_BYTES: usize = 4 * 1024 * 1024;
const GROUP: &[u8] = b"group/";

/// What writer and readers share.
pub(super) struct Shared {
    /// Taken out on close, so that the directory is free again at once.
    open: RwLock<Option<(Engine, File)>>,
    pub(super) topics: Vec<Topic>,
    pub(super) queue: Queue,
}

pub(super) struct Topic {
    pub config: TopicConfig,
    pub partitions: Vec<Partition>,
}

pub(super) struct Partition {
    /// Number of its group in the engine.
    pub region: u64,
    /// Offset of the oldest record.
    pub first: AtomicU64,
    /// Offset of the next record; everything before is durable and readable.
    pub end: watch::Sender<u64>,
    pub recent: Mutex<Recent>,
    /// Committed position of each group.
    pub positions: RwLock<HashMap<String, u64>>,
}

impl Partition {
    pub(super) fn new(region: u64, extent: Extent, positions: HashMap<String, u64>, recent: usize) -> Self {
        Self {
            region,
            first: AtomicU64::new(extent.first),
            end: watch::Sender::new(extent.next),
            recent: Mutex::new(Recent::new(recent)),
            positions: RwLock::new(positions),
        }
    }

    fn read_recent(&self, from: u64, max: usize) -> Option<Vec<Delivered>> {
        let from = from.max(self.first.load(Ordering::Acquire));
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).read(from, max)
    }
}

impl Shared {
    pub(super) fn new(engine: Engine, lock: File, topics: Vec<Topic>, config: &EmbeddedConfig) -> Self {
        let queue = Queue::new(config.queue_bytes, config.queue_records);
        Self { open: RwLock::new(Some((engine, lock))), topics, queue }
    }

    /// Uses the engine, unless the log is closed.
    pub(super) fn with_engine<T>(&self, using: impl FnOnce(&Engine) -> T) -> Option<T> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|(engine, _)| using(engine))
    }

    /// Closes the files and frees the directory.
    pub(super) fn close_engine(&self) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Frees the directory without touching the files again, after a write has failed half-way.
    pub(super) fn abandon_engine(&self) {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        // Closing would sync once more, and a sync that failed must not be repeated on the same file.
        std::mem::forget(open);
    }

    /// Records from the engine. Blocks; called by `Readers` only.
    pub(super) fn read_stored(
        &self,
        topic: usize,
        partition: u32,
        from: u64,
        max: usize,
    ) -> Result<Vec<Delivered>, ConsumeError> {
        let stored = &self.topics[topic].partitions[partition as usize];
        let mut from = from;
        loop {
            from = from.max(stored.first.load(Ordering::Acquire));
            let end = (from + max as u64).min(*stored.end.borrow());
            if from >= end {
                return Ok(Vec::new());
            }
            let mut entries = Vec::new();
            let fetch = |engine: &Engine| {
                engine.fetch_entries_to::<Entry>(
                    stored.region,
                    from + 1,
                    end + 1,
                    Some(READ_BYTES),
                    &mut entries,
                )
            };
            let fetched = self.with_engine(fetch).ok_or_else(closed)?;
            match fetched {
                Ok(_) => {}
                // Dropped by retention while we were reading.
                Err(_) if stored.first.load(Ordering::Acquire) > from => continue,
                Err(Error::Io(error)) => {
                    return Err(ConsumeError::Unavailable { reason: error.to_string() });
                }
                Err(error) => return Err(self.damaged(topic, partition, from, error.to_string())),
            }
            let deliver = |entry: Entry| {
                let offset = entry.index.saturating_sub(1);
                entry.deliver(partition).map_err(|reason| self.damaged(topic, partition, offset, reason))
            };
            let fetched = entries.len() as u64;
            entries.retain(|entry| !entry.is_lost());
            let lost = fetched - entries.len() as u64;
            if lost > 0 {
                let topic = &self.topics[topic].config.name;
                tracing::error!(topic, partition, from, lost, "records were lost to damage");
            }
            if entries.is_empty() {
                from += fetched;
                continue;
            }
            return entries.into_iter().map(deliver).collect();
        }
    }

    fn damaged(&self, topic: usize, partition: u32, offset: u64, reason: String) -> ConsumeError {
        let topic = &self.topics[topic].config.name;
        ConsumeError::Damaged { place: format!("{topic}/{partition}@{offset}"), reason }
    }
}

/// The open log. Dropping it finishes what was handed over.
pub(super) struct EngineLog {
    shared: Arc<Shared>,
    readers: Readers,
    max_record: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EngineLog {
    pub(super) fn start(shared: Arc<Shared>, writer: Writer, max_record: usize) -> std::io::Result<Self> {
        let thread = std::thread::Builder::new().name("stream-writer".to_owned()).spawn(|| writer.run())?;
        let readers = Readers::start(&shared)?;
        Ok(Self { shared, readers, max_record, thread: Mutex::new(Some(thread)) })
    }

    fn join(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("stream writer ended with a panic");
        }
    }
}

impl Drop for EngineLog {
    fn drop(&mut self) {
        self.join();
    }
}

impl Log for EngineLog {
    async fn append(&self, topic: usize, records: Vec<(u32, Record)>) -> Result<Vec<Position>, AppendError> {
        for (_, record) in &records {
            if record.size() > self.max_record {
                return Err(AppendError::TooLarge { size: record.size(), limit: self.max_record });
            }
        }
        let encode = |(partition, record)| {
            let body = entry::encode(&record);
            (partition, record, body)
        };
        let records = records.into_iter().map(encode).collect();
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Request::Append(Append { topic, records, reply }))?;
        answer
            .await
            .unwrap_or_else(|_| Err(AppendError::Unavailable { reason: "writer has ended".to_owned() }))
    }

    async fn read(
        &self,
        topic: usize,
        partition: u32,
        from: u64,
        max: usize,
    ) -> Result<Vec<Delivered>, ConsumeError> {
        if let Some(recent) = self.shared.topics[topic].partitions[partition as usize].read_recent(from, max)
        {
            return Ok(recent);
        }
        self.readers.read(topic, partition, from, max).await
    }

    fn bounds(&self, topic: usize, partition: u32) -> (u64, watch::Receiver<u64>) {
        let partition = &self.shared.topics[topic].partitions[partition as usize];
        (partition.first.load(Ordering::Acquire), partition.end.subscribe())
    }

    fn committed(&self, topic: usize, partition: u32, group: &str) -> Option<u64> {
        let partition = &self.shared.topics[topic].partitions[partition as usize];
        partition.positions.read().unwrap_or_else(PoisonError::into_inner).get(group).copied()
    }

    async fn commit(
        &self,
        topic: usize,
        group: &str,
        positions: Vec<(u32, u64)>,
    ) -> Result<(), ConsumeError> {
        let (reply, answer) = oneshot::channel();
        let commit = Commit { topic, group: group.to_owned(), positions, reply };
        self.shared.queue.push(Request::Commit(commit)).map_err(|error| unavailable(&error))?;
        answer
            .await
            .unwrap_or_else(|_| Err(ConsumeError::Unavailable { reason: "writer has ended".to_owned() }))
    }

    async fn close(&self) {
        let (shared, thread) = {
            self.shared.queue.close();
            (self.shared.clone(), self.thread.lock().unwrap_or_else(PoisonError::into_inner).take())
        };
        let joined = tokio::task::spawn_blocking(move || {
            let ended = thread.is_none_or(|thread| thread.join().is_ok());
            shared.close_engine();
            ended
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("stream writer ended with a panic");
        }
    }
}

fn closed() -> ConsumeError {
    ConsumeError::Unavailable { reason: "stream is closed".to_owned() }
}

fn unavailable(error: &AppendError) -> ConsumeError {
    ConsumeError::Unavailable { reason: error.to_string() }
}

/// The key of a group's committed position.
pub(super) fn group_key(group: &str) -> Vec<u8> {
    [GROUP, group.as_bytes()].concat()
}

/// The group whose position the key holds, if it is such a key.
pub(super) fn group_of_key(key: &[u8]) -> Option<String> {
    String::from_utf8(key.strip_prefix(GROUP)?.to_vec()).ok()
}
