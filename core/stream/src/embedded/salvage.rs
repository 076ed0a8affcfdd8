//! Builds a damaged log anew from all that is whole, when told to.
//!
//! The damaged log is kept beside the new one. Records keep their offsets; where some are lost, entries that
//! say so take their place. After the last record known to be there, a stretch of offsets is left out, so
//! that no new record gets the offset of a lost one, which a consumer may already have dealt with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use protobuf::Message;
use raft_engine::{Engine, LogBatch};

use super::books::Extent;
use super::check;
use super::entry::Entry;
use super::log::group_of_key;
use super::mark::{Ends, Tracker};
use super::setup::{
    LOG, REGION_SHIFT, START, TOPICS, backend, failed, open_engine, start_value, two_numbers,
};
use super::unit::{self, Item};
use crate::error::OpenError;

/// Where the new log is built.
const REBUILT: &str = "rebuilt";
/// Offsets left out after the last record known.
const LEFT_OUT: u64 = 10_000;
/// Bytes of records written at once.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Where a record lies in the damaged log.
#[derive(Clone, Copy)]
struct Place {
    queue: usize,
    file: u64,
    at: u64,
    length: u64,
}

#[derive(Default)]
struct Region {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    entries: BTreeMap<u64, Place>,
}

/// Completes or discards what an interrupted rebuild left.
pub(super) fn finish(dir: &Path) -> std::io::Result<()> {
    let rebuilt = dir.join(REBUILT);
    if !rebuilt.exists() {
        return Ok(());
    }
    if dir.join(LOG).exists() { fs::remove_dir_all(rebuilt) } else { fs::rename(rebuilt, dir.join(LOG)) }
}

/// Builds the log anew and puts it in place of the damaged one.
pub(super) fn rebuild(dir: &Path, file_bytes: u64) -> Result<(), OpenError> {
    let (damaged, rebuilt) = (dir.join(LOG), dir.join(REBUILT));
    let regions = survey(&damaged)?;
    let has_topics = regions.get(&TOPICS).is_some_and(|topics| !topics.values.is_empty());
    if !has_topics && !regions.is_empty() {
        let reason = "the list of topics is lost, nothing can be told apart".to_owned();
        return Err(OpenError::Damaged { file: damaged, offset: 0, reason });
    }
    fs::create_dir_all(&rebuilt).map_err(|source| failed("create", &rebuilt, source))?;
    let engine = open_engine(&rebuilt, file_bytes, &Tracker::new([Ends::default(); 2]))?;
    for (number, region) in regions {
        write_region(&engine, &damaged, number, region)?;
    }
    drop(engine);
    let mut number = 1;
    while dir.join(format!("damaged-{number}")).exists() {
        number += 1;
    }
    let aside = dir.join(format!("damaged-{number}"));
    // `finish` completes this if it is interrupted in between.
    fs::rename(&damaged, &aside).map_err(|source| failed("rename", &damaged, source))?;
    fs::rename(&rebuilt, &damaged).map_err(|source| failed("rename", &rebuilt, source))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| failed("sync", dir, source))
}

/// Finds all whole records and the newest of each value.
fn survey(damaged: &Path) -> Result<BTreeMap<u64, Region>, OpenError> {
    let mut regions: BTreeMap<u64, Region> = BTreeMap::new();
    // What was moved is older than what was appended since.
    for queue in [1, 0] {
        for file in check::numbers(damaged, queue)? {
            let path = check::path(damaged, queue, file);
            let take = |unit_at: u64, unit: &[u8]| {
                let Some(items) = unit::items(unit) else {
                    tracing::error!(file = %path.display(), offset = unit_at, "unit cannot be read");
                    return;
                };
                for (region, item) in items {
                    let region = regions.entry(region).or_default();
                    match item {
                        Item::Entry { index, at, length } => {
                            region.entries.insert(index, Place { queue, file, at: unit_at + at, length });
                        }
                        Item::Value { key, .. } if key.starts_with(b"__") => {}
                        Item::Value { key, value: Some(value) } => {
                            region.values.insert(key.to_vec(), value.to_vec());
                        }
                        Item::Value { key, value: None } => {
                            region.values.remove(key);
                        }
                    }
                }
            };
            check::each_whole_unit(&path, file, take).map_err(|source| failed("read", &path, source))?;
        }
    }
    regions.retain(|_, region| !region.values.is_empty() || !region.entries.is_empty());
    Ok(regions)
}

fn write_region(engine: &Engine, damaged: &Path, number: u64, region: Region) -> Result<(), OpenError> {
    let Region { mut values, mut entries } = region;
    let mut batch = LogBatch::default();
    if number >> REGION_SHIFT > 0 {
        let start = values.get(START).and_then(|start| two_numbers(start)).unwrap_or_default();
        entries = entries.split_off(&(start.0 + 1));
        let (mut next, mut bytes_before) = (start.0 + 1, start.1);
        if let Some((first, place)) = entries.first_key_value()
            && *first > next
        {
            tracing::error!(region = number, lost = first - next, "oldest records are lost");
            (next, bytes_before) = (*first, read(damaged, *place)?.bytes_before);
        }
        let extent = Extent { first: next - 1, bytes_before_first: bytes_before, ..Extent::default() };
        values.insert(START.to_vec(), start_value(&extent));
        let committed = values.iter().filter(|(key, _)| group_of_key(key).is_some());
        let committed =
            committed.filter_map(|(_, value)| Some(u64::from_le_bytes(value.as_slice().try_into().ok()?)));
        let last = entries.last_key_value().map_or(next - 1, |(last, _)| *last);
        let end = committed.max().unwrap_or(0).max(last) + LEFT_OUT;
        let mut waiting = Vec::new();
        let mut waiting_bytes = 0;
        while next <= end {
            let entry = match entries.get(&next) {
                Some(place) => read(damaged, *place)?,
                None => Entry::lost(next, bytes_before),
            };
            bytes_before = entry.bytes_before + entry.size();
            waiting_bytes += entry.size();
            waiting.push(entry);
            next += 1;
            if waiting_bytes > BATCH_BYTES || next > end {
                batch.add_entries::<Entry>(number, &waiting).map_err(backend)?;
                engine.write(&mut batch, true).map_err(backend)?;
                waiting.clear();
                waiting_bytes = 0;
            }
        }
    }
    for (key, value) in values {
        batch.put(number, key, value).map_err(backend)?;
    }
    engine.write(&mut batch, true).map_err(backend)?;
    Ok(())
}

fn read(damaged: &Path, place: Place) -> Result<Entry, OpenError> {
    let Place { queue, file, at, length } = place;
    let path = check::path(damaged, queue, file);
    let mut stored = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let opened = File::open(&path).and_then(|file| file.read_exact_at(&mut stored, at));
    opened.map_err(|source| failed("read", &path, source))?;
    let parsed = Entry::parse_from_bytes(&stored);
    parsed.map_err(|error| OpenError::Damaged { file: path, offset: at, reason: error.to_string() })
}
