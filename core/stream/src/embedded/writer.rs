//! The one thread that writes: group commit.
//!
//! While one unit is on its way to the disk, the next ones gather in the queue; the thread takes them all,
//! writes them as one unit with one sync, and answers. Nothing waits on purpose: the disk sets the pace.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use botbuilder_domain::Clock;
use bytes::Bytes;
use raft_engine::LogBatch;
use tokio::sync::oneshot;

use super::EmbeddedConfig;
use super::books::Books;
use super::entry::{Entry, stored_size};
use super::log::Shared;
use super::mark::{MarkFile, Tracker};
use super::retention;
use super::setup::{panic_text, position_pair};
use crate::error::{AppendError, ConsumeError};
use crate::record::{Delivered, Position, Record};

/// Bytes of records in one unit, about: bounds how long the first of them waits for the last.
const UNIT_BYTES: usize = 8 * 1024 * 1024;
/// When a producer may try again after the queue was full.
const QUEUE_RETRY: Duration = Duration::from_secs(1);
/// When a producer may try again after unread records have filled a topic.
const TOPIC_RETRY: Duration = Duration::from_secs(5);

type AppendReply = oneshot::Sender<Result<Vec<Position>, AppendError>>;

/// Records to append, each with its partition and its stored form.
pub(super) struct Append {
    pub topic: usize,
    pub records: Vec<(u32, Record, Bytes)>,
    pub reply: AppendReply,
}

/// Positions of a group to store.
pub(super) struct Commit {
    pub topic: usize,
    pub group: String,
    pub positions: Vec<(u32, u64)>,
    pub reply: oneshot::Sender<Result<(), ConsumeError>>,
}

pub(super) enum Request {
    Append(Append),
    Commit(Commit),
}

impl Request {
    /// Bytes and records that wait with it.
    fn weight(&self) -> (usize, usize) {
        match self {
            Self::Append(append) => {
                (append.records.iter().map(|(_, _, body)| body.len()).sum(), append.records.len())
            }
            Self::Commit(_) => (0, 0),
        }
    }
}

/// What waits to be written.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    max_bytes: usize,
    max_records: usize,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    records: usize,
    /// Why nothing is accepted any more.
    closed: Option<String>,
}

impl Queue {
    pub(super) fn new(max_bytes: usize, max_records: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), max_bytes, max_records }
    }

    /// Hands a request over. Records are refused beyond the bounds, positions are not: they make room.
    pub(super) fn push(&self, request: Request) -> Result<(), AppendError> {
        let (bytes, records) = request.weight();
        let mut waiting = self.lock();
        if let Some(reason) = &waiting.closed {
            return Err(AppendError::Unavailable { reason: reason.clone() });
        }
        let full = waiting.bytes + bytes > self.max_bytes || waiting.records + records > self.max_records;
        // One request larger than the whole queue would otherwise never get in.
        if full && records > 0 && waiting.records > 0 {
            return Err(AppendError::Full { retry_after: QUEUE_RETRY });
        }
        waiting.bytes += bytes;
        waiting.records += records;
        waiting.requests.push_back(request);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.close_because("stream is closed");
    }

    fn close_because(&self, reason: &str) {
        self.lock().closed.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_one();
    }

    /// What one unit can take; empty when the time is up. `None` when closed and drained.
    fn take(&self, until: Instant) -> Option<Vec<Request>> {
        let mut waiting = self.lock();
        loop {
            if !waiting.requests.is_empty() {
                return Some(waiting.take_unit());
            }
            if waiting.closed.is_some() {
                return None;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else { return Some(Vec::new()) };
            let woken = self.changed.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take_unit(&mut self) -> Vec<Request> {
        let mut unit = Vec::new();
        let mut unit_bytes = 0;
        while unit_bytes < UNIT_BYTES
            && let Some(request) = self.requests.pop_front()
        {
            let (bytes, records) = request.weight();
            unit_bytes += bytes;
            self.bytes -= bytes;
            self.records -= records;
            unit.push(request);
        }
        unit
    }
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) books: Books,
    tracker: Tracker,
    mark_file: MarkFile,
    pub(super) file_bytes: u64,
    maintain_every: Duration,
    clock: Arc<dyn Clock>,
    /// Bytes dropped since files were last removed.
    pub(super) dropped_bytes: u64,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        books: Books,
        tracker: Tracker,
        mark_file: MarkFile,
        config: &EmbeddedConfig,
    ) -> Self {
        Self {
            shared,
            books,
            tracker,
            mark_file,
            file_bytes: config.file_bytes,
            maintain_every: config.maintain_every,
            clock: config.clock.clone(),
            dropped_bytes: 0,
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0)
    }

    pub(super) fn run(mut self) {
        let mut maintain_at = Instant::now() + self.maintain_every;
        while let Some(requests) = self.shared.queue.take(maintain_at) {
            let step = catch_unwind(AssertUnwindSafe(|| {
                if !requests.is_empty() {
                    self.write(requests);
                }
                if Instant::now() >= maintain_at {
                    if let Err(error) = retention::maintain(&mut self) {
                        tracing::error!(%error, "stream maintenance failed");
                    }
                    maintain_at = Instant::now() + self.maintain_every;
                }
            }));
            // The engine panics when a sync fails. What reached the disk is then unknown: nothing more is
            // written, and a restart reads what is there.
            if let Err(panic) = step {
                let reason = format!("stream cannot write any more: {}", panic_text(&panic));
                tracing::error!(reason, "stream stopped");
                self.shared.queue.close_because(&reason);
                self.shared.abandon_engine();
                while self.shared.queue.take(Instant::now()).is_some() {}
                return;
            }
        }
        if let Err(error) = self.mark_file.sync() {
            tracing::warn!(%error, "mark of the stream not synced");
        }
        self.shared.close_engine();
    }

    /// Writes requests as one unit and answers them.
    fn write(&mut self, requests: Vec<Request>) {
        let mut unit = Unit::new(self.books.clone());
        for request in requests {
            match request {
                Request::Append(append) => self.add_append(&mut unit, append),
                Request::Commit(commit) => unit.add_commit(commit),
            }
        }
        match self.write_unit(&mut unit) {
            Ok(()) => self.publish(unit),
            Err(reason) => {
                tracing::error!(reason, "stream write failed");
                unit.refuse(&reason);
            }
        }
    }

    fn add_append(&mut self, unit: &mut Unit, append: Append) {
        let Append { topic, records, reply } = append;
        let config = &self.shared.topics[topic].config;
        let bytes = records.iter().map(|(_, _, body)| stored_size(body)).sum();
        let count = records.len() as u64;
        if unit.books.is_over(topic, config, bytes, count) {
            if let Err(error) = retention::make_room(self, unit, topic, bytes, count) {
                tracing::error!(%error, "no room could be made in the stream");
            }
            if unit.books.is_over(topic, &self.shared.topics[topic].config, bytes, count) {
                // The producer may have gone; then nobody needs the answer.
                let _ = reply.send(Err(AppendError::Full { retry_after: TOPIC_RETRY }));
                return;
            }
        }
        let now = self.now_ms();
        let mut positions = Vec::with_capacity(records.len());
        for (partition, record, body) in records {
            let extent = &mut unit.books.0[topic][partition as usize];
            let position = Position { partition, offset: extent.next };
            let appended_at = now.max(extent.newest_at);
            let entry = Entry::new(extent.next, appended_at, extent.bytes_before_next, body);
            extent.next += 1;
            extent.bytes_before_next += entry.size();
            extent.newest_at = appended_at;
            let appended_at = i64::try_from(appended_at).unwrap_or(i64::MAX);
            let (entries, delivered) = unit.records.entry((topic, partition)).or_default();
            entries.push(entry);
            delivered.push(Delivered { position, appended_at, record });
            positions.push(position);
        }
        unit.appends.push((reply, positions));
    }

    fn write_unit(&mut self, unit: &mut Unit) -> Result<(), String> {
        let Unit { batch, records, positions, .. } = unit;
        for ((topic, partition), (entries, _)) in records.iter() {
            let region = self.shared.topics[*topic].partitions[*partition as usize].region;
            batch.add_entries::<Entry>(region, entries).map_err(|error| error.to_string())?;
        }
        for ((topic, partition), groups) in positions.iter_mut() {
            let stored = &self.shared.topics[*topic].partitions[*partition as usize];
            let held = stored.positions.read().unwrap_or_else(PoisonError::into_inner);
            for (group, next) in groups {
                *next = (*next).max(held.get(group).copied().unwrap_or(0));
                let (key, value) = position_pair(group, *next);
                batch.put(stored.region, key, value).map_err(|error| error.to_string())?;
            }
        }
        self.write_batch(&mut unit.batch)
    }

    /// Writes and syncs a batch, and notes how far the log now goes.
    pub(super) fn write_batch(&self, batch: &mut LogBatch) -> Result<(), String> {
        let written = self.shared.with_engine(|engine| engine.write(batch, true));
        written.ok_or("stream is closed")?.map_err(|error| error.to_string())?;
        self.note();
        Ok(())
    }

    /// Notes how far the log is acknowledged; everything written must be synced.
    pub(super) fn note(&self) {
        if let Err(error) = self.mark_file.write(self.tracker.mark()) {
            // The mark is then behind, which is safe.
            tracing::warn!(%error, "mark of the stream not written");
        }
    }

    /// Makes a written unit visible and answers.
    fn publish(&mut self, unit: Unit) {
        let Unit { books, records, positions, appends, commits, dropped_bytes, .. } = unit;
        self.dropped_bytes += dropped_bytes;
        self.books = books;
        for ((topic, partition), groups) in positions {
            let stored = &self.shared.topics[topic].partitions[partition as usize];
            stored.positions.write().unwrap_or_else(PoisonError::into_inner).extend(groups);
        }
        self.show_starts();
        for ((topic, partition), (_, delivered)) in records {
            let stored = &self.shared.topics[topic].partitions[partition as usize];
            stored.recent.lock().unwrap_or_else(PoisonError::into_inner).extend(delivered);
            stored.end.send_replace(self.books.0[topic][partition as usize].next);
        }
        for (reply, positions) in appends {
            let _ = reply.send(Ok(positions));
        }
        for reply in commits {
            let _ = reply.send(Ok(()));
        }
    }

    /// Makes visible where partitions begin.
    pub(super) fn show_starts(&self) {
        for (topic, extents) in self.shared.topics.iter().zip(&self.books.0) {
            for (partition, extent) in topic.partitions.iter().zip(extents) {
                partition.first.store(extent.first, Ordering::Release);
            }
        }
    }
}

/// One unit in the making.
pub(super) struct Unit {
    pub batch: LogBatch,
    /// The books as they will be once the unit is written.
    pub books: Books,
    pub dropped_bytes: u64,
    /// By topic and partition: as stored, and as delivered.
    records: BTreeMap<(usize, u32), (Vec<Entry>, Vec<Delivered>)>,
    positions: BTreeMap<(usize, u32), HashMap<String, u64>>,
    appends: Vec<(AppendReply, Vec<Position>)>,
    commits: Vec<oneshot::Sender<Result<(), ConsumeError>>>,
}

impl Unit {
    pub(super) fn new(books: Books) -> Self {
        Self {
            batch: LogBatch::default(),
            books,
            dropped_bytes: 0,
            records: BTreeMap::new(),
            positions: BTreeMap::new(),
            appends: Vec::new(),
            commits: Vec::new(),
        }
    }

    fn add_commit(&mut self, commit: Commit) {
        let Commit { topic, group, positions, reply } = commit;
        for (partition, next) in positions {
            let groups = self.positions.entry((topic, partition)).or_default();
            let held = groups.entry(group.clone()).or_insert(next);
            *held = next.max(*held);
        }
        self.commits.push(reply);
    }

    fn refuse(self, reason: &str) {
        for (reply, _) in self.appends {
            let _ = reply.send(Err(AppendError::Unavailable { reason: reason.to_owned() }));
        }
        for reply in self.commits {
            let _ = reply.send(Err(ConsumeError::Unavailable { reason: reason.to_owned() }));
        }
    }
}
