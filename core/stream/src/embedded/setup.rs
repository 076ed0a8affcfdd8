//! Opens a directory: lock, check, engine, topics, positions.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use raft_engine::{Command, Config, Engine, LogBatch, ReadableSize, RecoveryMode};

use super::EmbeddedConfig;
use super::books::{Books, Extent};
use super::check;
use super::entry::Entry;
use super::log::{EngineLog, Partition, Shared, Topic, group_key, group_of_key};
use super::mark::{Ends, MarkFile, Tracker};
use super::salvage;
use super::writer::Writer;
use crate::config::TopicConfig;
use crate::error::OpenError;

/// The directory of the engine's files within the data directory.
pub(super) const LOG: &str = "log";
/// The engine group that lists the topics.
pub(super) const TOPICS: u64 = 1;
/// Groups below are no partitions; above, the topic's number and the partition's.
pub(super) const REGION_SHIFT: u32 = 32;
/// Key of a partition: its oldest offset, and the bytes before it.
pub(super) const START: &[u8] = b"start";
/// How often, and how far apart, a lock is tried for before the directory counts as in use.
const LOCK_TRIES: u32 = 200;
const LOCK_WAIT: Duration = Duration::from_millis(10);

pub(super) fn open(config: &EmbeddedConfig) -> Result<EngineLog, OpenError> {
    fs::create_dir_all(&config.dir).map_err(|source| failed("create", &config.dir, source))?;
    let lock = lock(&config.dir)?;
    let dir = config.dir.join(LOG);
    salvage::finish(&config.dir).map_err(|source| failed("restore", &dir, source))?;
    fs::create_dir_all(&dir).map_err(|source| failed("create", &dir, source))?;
    let (mark_file, ends) = match checked(&dir, config.verify_bytes) {
        Err(damage @ OpenError::Damaged { .. }) if config.set_damage_aside => {
            tracing::error!(%damage, "setting the damaged log aside, keeping what is whole");
            salvage::rebuild(&config.dir, config.file_bytes)?;
            checked(&dir, config.verify_bytes)?
        }
        other => other?,
    };
    let tracker = Tracker::new(ends);
    let engine = open_engine(&dir, config.file_bytes, &tracker)?;
    for (queue, ends) in tracker.mark().ends.into_iter().enumerate() {
        let path = check::path(&dir, queue, ends.file);
        File::open(&path).and_then(|file| file.sync_all()).map_err(|source| failed("sync", &path, source))?;
    }
    // The engine syncs each file and its directory when it is begun, but not the first one.
    let parent = config.dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    for dir in [Some(dir.as_path()), Some(config.dir.as_path()), parent].into_iter().flatten() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| failed("sync", dir, source))?;
    }
    let mut topics = Vec::new();
    let mut books = Vec::new();
    for (topic, number) in config.topics.iter().zip(number_topics(&engine, &config.topics)?) {
        let mut partitions = Vec::new();
        let mut extents = Vec::new();
        for partition in 0..topic.partitions {
            let region = (number << REGION_SHIFT) | u64::from(partition);
            let extent = extent(&engine, region).map_err(|reason| OpenError::Damaged {
                file: dir.clone(),
                offset: 0,
                reason: format!("{}/{partition}: {reason}", topic.name),
            })?;
            let positions = positions(&engine, region)?;
            partitions.push(Partition::new(region, extent, positions, config.recent_bytes));
            extents.push(extent);
        }
        topics.push(Topic { config: topic.clone(), partitions });
        books.push(extents);
    }
    mark_file.write(tracker.mark()).map_err(|source| failed("write the mark in", &dir, source))?;
    let shared = Arc::new(Shared::new(engine, lock, topics, config));
    let writer = Writer::new(shared.clone(), Books(books), tracker, mark_file, config);
    EngineLog::start(shared, writer, config.max_record)
        .map_err(|source| failed("start a thread for", &dir, source))
}

fn checked(dir: &Path, verify_bytes: u64) -> Result<(MarkFile, [Ends; 2]), OpenError> {
    let (mark_file, mark) = MarkFile::open(dir).map_err(|source| failed("open the mark in", dir, source))?;
    Ok((mark_file, check::check(dir, mark, verify_bytes)?))
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("in-use");
    let file = File::create(&path).map_err(|source| failed("create", &path, source))?;
    // A process that is being started from this one holds our files open until it has become another
    // program, and with them a lock that was just given up.
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_WAIT),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
        }
    }
    Err(OpenError::InUse { dir: dir.to_owned() })
}

pub(super) fn open_engine(dir: &Path, file_bytes: u64, tracker: &Tracker) -> Result<Engine, OpenError> {
    let dir = dir.to_str().ok_or_else(|| OpenError::Config("data directory is not UTF-8".to_owned()))?;
    let engine_config = Config {
        dir: dir.to_owned(),
        // `check` has cut what may be cut.
        recovery_mode: RecoveryMode::AbsoluteConsistency,
        recovery_threads: 2,
        // `check` reads no compressed units, and their header is not covered by a checksum.
        batch_compression_threshold: ReadableSize(0),
        // An old file under a new name would hold units that look whole.
        enable_log_recycle: false,
        target_file_size: ReadableSize(file_bytes),
        // `retention` decides what is removed; the engine's own rule would copy what we still keep.
        purge_threshold: ReadableSize(u64::MAX / 2),
        purge_rewrite_threshold: Some(ReadableSize(file_bytes * 4)),
        ..Config::default()
    };
    // The engine takes a lock of its own. We hold ours, so nobody else is here: what still holds the
    // engine's is a process being started, as in `lock`.
    let mut tries = LOCK_TRIES;
    loop {
        let (config, listener) = (engine_config.clone(), Arc::new(tracker.clone()));
        let opened = catch_unwind(AssertUnwindSafe(|| Engine::open_with_listeners(config, vec![listener])));
        match opened {
            Ok(Ok(engine)) => return Ok(engine),
            Ok(Err(error)) if tries > 1 && error.to_string().contains("Failed to lock file") => {
                tries -= 1;
                std::thread::sleep(LOCK_WAIT);
            }
            Ok(Err(error)) => return Err(OpenError::Backend(error.to_string())),
            Err(panic) => {
                return Err(OpenError::Backend(format!("engine refused its files: {}", panic_text(&panic))));
            }
        }
    }
}

/// The stored number of each topic, given on first sight.
fn number_topics(engine: &Engine, topics: &[TopicConfig]) -> Result<Vec<u64>, OpenError> {
    let mut stored = HashMap::new();
    let mut next = 1;
    scan(engine, TOPICS, |name, value| {
        if let Some((number, partitions)) = two_numbers(value) {
            next = next.max(number + 1);
            stored.insert(name.to_vec(), (number, partitions));
        }
    })?;
    // Written at every start, and twice: without it nothing else in a damaged log could be told apart.
    let mut batches = [LogBatch::default(), LogBatch::default()];
    let mut numbers = Vec::new();
    for topic in topics {
        let partitions = u64::from(topic.partitions);
        let number = match stored.get(topic.name.as_bytes()) {
            Some((number, held)) if *held == partitions => *number,
            Some((_, held)) => {
                let reason =
                    format!("topic {:?} is stored with {held} partitions, not {partitions}", topic.name);
                return Err(OpenError::Config(reason));
            }
            None => {
                next += 1;
                next - 1
            }
        };
        let value = [number.to_le_bytes(), partitions.to_le_bytes()].concat();
        for batch in &mut batches {
            batch.put(TOPICS, topic.name.clone().into_bytes(), value.clone()).map_err(backend)?;
        }
        numbers.push(number);
    }
    for batch in &mut batches {
        engine.write(batch, true).map_err(backend)?;
    }
    Ok(numbers)
}

/// What a partition holds, or why what it holds cannot be right.
fn extent(engine: &Engine, region: u64) -> Result<Extent, String> {
    let start = engine.get(region, START);
    let (first, bytes_before_first) = match start {
        Some(stored) => two_numbers(&stored).ok_or("start of the partition is unreadable")?,
        None => (0, 0),
    };
    // Dropped records come back when the unit that dropped them is gone with its file.
    if engine.first_index(region).is_some_and(|oldest| oldest < first + 1) {
        let mut batch = LogBatch::default();
        batch.add_command(region, Command::Compact { index: first + 1 });
        engine.write(&mut batch, true).map_err(|error| error.to_string())?;
    }
    let (Some(oldest), Some(newest)) = (engine.first_index(region), engine.last_index(region)) else {
        let next = first;
        return Ok(Extent {
            first,
            bytes_before_first,
            next,
            bytes_before_next: bytes_before_first,
            newest_at: 0,
        });
    };
    if oldest != first + 1 {
        return Err(format!("records {first} to {} are missing", oldest - 1));
    }
    let entry = engine.get_entry::<Entry>(region, newest).map_err(|error| error.to_string())?;
    let entry = entry.ok_or("newest record is missing")?;
    let bytes_before_next = entry.bytes_before + entry.size();
    Ok(Extent { first, bytes_before_first, next: newest, bytes_before_next, newest_at: entry.appended_at })
}

fn positions(engine: &Engine, region: u64) -> Result<HashMap<String, u64>, OpenError> {
    let mut positions = HashMap::new();
    scan(engine, region, |key, value| {
        if let (Some(group), Ok(next)) = (group_of_key(key), value.try_into()) {
            positions.insert(group, u64::from_le_bytes(next));
        }
    })?;
    Ok(positions)
}

/// Puts everything kept as key-values into the batch again: what old files hold of it is then not needed.
pub(super) fn put_again(engine: &Engine, topics: &[Topic], batch: &mut LogBatch) -> raft_engine::Result<()> {
    let regions = topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.region);
    for region in regions.chain([TOPICS]) {
        let mut values = Vec::new();
        engine.scan_raw_messages(region, None, None, false, |key, value| {
            values.push((key.to_vec(), value.to_vec()));
            true
        })?;
        for (key, value) in values {
            batch.put(region, key, value)?;
        }
    }
    Ok(())
}

fn scan(engine: &Engine, region: u64, mut each: impl FnMut(&[u8], &[u8])) -> Result<(), OpenError> {
    let all = |key: &[u8], value: &[u8]| {
        each(key, value);
        true
    };
    engine.scan_raw_messages(region, None, None, false, all).map_err(backend)
}

pub(super) fn two_numbers(stored: &[u8]) -> Option<(u64, u64)> {
    let (first, second) = stored.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*first), u64::from_le_bytes(second.try_into().ok()?)))
}

/// The value of `START`.
pub(super) fn start_value(extent: &Extent) -> Vec<u8> {
    [extent.first.to_le_bytes(), extent.bytes_before_first.to_le_bytes()].concat()
}

/// The key and value of a committed position.
pub(super) fn position_pair(group: &str, next: u64) -> (Vec<u8>, Vec<u8>) {
    (group_key(group), next.to_le_bytes().to_vec())
}

/// What a caught panic said.
pub(super) fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic without a message").to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(super) fn backend(error: raft_engine::Error) -> OpenError {
    OpenError::Backend(error.to_string())
}

pub(super) fn failed(what: &str, path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io { what: format!("{what} {}", path.display()), source }
}
