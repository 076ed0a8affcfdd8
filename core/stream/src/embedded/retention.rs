//! Drops what need not be kept, and gives the disk back.
//!
//! Runs on the writing thread, so no unit is under way while files are removed.

use std::sync::PoisonError;

use raft_engine::internals::LogQueue;
use raft_engine::{Command, Engine, LogBatch};

use super::entry::Entry;
use super::setup::{START, put_again, start_value};
use super::writer::{Unit, Writer};

/// Records dropped from one partition before the next oldest is looked for.
const STEP: u64 = 1024;

/// Drops the oldest records of a topic, as far as they may be dropped, until so much more fits and a
/// sixteenth of the caps is free as well.
pub(super) fn make_room(
    writer: &Writer,
    unit: &mut Unit,
    topic: usize,
    bytes: u64,
    records: u64,
) -> Result<(), String> {
    let config = &writer.shared.topics[topic].config;
    let bytes = bytes + config.retain_bytes / 16;
    let records = records + config.retain_records / 16;
    while unit.books.is_over(topic, config, bytes, records) {
        let mut oldest: Option<(u64, usize, u64)> = None;
        for partition in 0..config.partitions as usize {
            let (first, limit) = (unit.books.0[topic][partition].first, limit(writer, topic, partition));
            if first < limit {
                let appended_at = stored(writer, topic, partition, first)?.appended_at;
                if oldest.is_none_or(|(found, ..)| appended_at < found) {
                    oldest = Some((appended_at, partition, limit.min(first + STEP)));
                }
            }
        }
        let Some((_, partition, until)) = oldest else { break };
        drop_until(writer, unit, topic, partition, until)?;
    }
    Ok(())
}

/// Drops records past their time and removes files nobody needs.
pub(super) fn maintain(writer: &mut Writer) -> Result<(), String> {
    let mut unit = Unit::new(writer.books.clone());
    for (topic, stored_topic) in writer.shared.topics.iter().enumerate() {
        let retain = u64::try_from(stored_topic.config.retain_for.as_millis()).unwrap_or(u64::MAX);
        let cutoff = writer.now_ms().saturating_sub(retain);
        for partition in 0..stored_topic.partitions.len() {
            let until = first_since(writer, topic, partition, cutoff)?;
            if until > writer.books.0[topic][partition].first {
                drop_until(writer, &mut unit, topic, partition, until)?;
            }
        }
    }
    if !unit.batch.is_empty() {
        writer.write_batch(&mut unit.batch)?;
        writer.books = unit.books;
        writer.dropped_bytes += unit.dropped_bytes;
        writer.show_starts();
    }
    if writer.dropped_bytes >= writer.file_bytes {
        writer.dropped_bytes = 0;
        reclaim(writer)?;
    }
    Ok(())
}

/// Up to where a partition's records may be dropped: what is on disk and every group has committed.
fn limit(writer: &Writer, topic: usize, partition: usize) -> u64 {
    let durable = writer.books.0[topic][partition].next;
    let stored = &writer.shared.topics[topic];
    if stored.config.ephemeral {
        return durable;
    }
    let positions = stored.partitions[partition].positions.read().unwrap_or_else(PoisonError::into_inner);
    positions.values().copied().min().unwrap_or(durable).min(durable)
}

/// The first droppable offset appended at the cutoff or later; the limit if all are older.
fn first_since(writer: &Writer, topic: usize, partition: usize, cutoff: u64) -> Result<u64, String> {
    let mut low = writer.books.0[topic][partition].first;
    let mut high = limit(writer, topic, partition);
    // Most often nothing is due.
    if low >= high || stored(writer, topic, partition, low)?.appended_at >= cutoff {
        return Ok(low);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if stored(writer, topic, partition, middle)?.appended_at < cutoff {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn drop_until(
    writer: &Writer,
    unit: &mut Unit,
    topic: usize,
    partition: usize,
    until: u64,
) -> Result<(), String> {
    let durable = writer.books.0[topic][partition];
    let bytes_before = if until == durable.next {
        durable.bytes_before_next
    } else {
        stored(writer, topic, partition, until)?.bytes_before
    };
    let extent = &mut unit.books.0[topic][partition];
    unit.dropped_bytes += bytes_before.saturating_sub(extent.bytes_before_first);
    extent.first = until;
    extent.bytes_before_first = bytes_before;
    let region = writer.shared.topics[topic].partitions[partition].region;
    unit.batch.add_command(region, Command::Compact { index: until + 1 });
    unit.batch.put(region, START.to_vec(), start_value(extent)).map_err(|error| error.to_string())
}

/// A record on disk.
fn stored(writer: &Writer, topic: usize, partition: usize, offset: u64) -> Result<Entry, String> {
    let region = writer.shared.topics[topic].partitions[partition].region;
    let found = writer.shared.with_engine(|engine| engine.get_entry::<Entry>(region, offset + 1));
    let found = found.ok_or("stream is closed")?.map_err(|error| error.to_string())?;
    found.ok_or_else(|| {
        format!("record {}/{partition}@{offset} is missing", writer.shared.topics[topic].config.name)
    })
}

/// Removes files that hold nothing needed. Where a few old records keep many files, moves them.
fn reclaim(writer: &Writer) -> Result<(), String> {
    let mut batch = LogBatch::default();
    let again = |engine: &Engine| put_again(engine, &writer.shared.topics, &mut batch);
    writer.shared.with_engine(again).ok_or("stream is closed")?.map_err(|error| error.to_string())?;
    writer.write_batch(&mut batch)?;
    // At least half of what is on disk is needed, or it is little: moving records is then not worth it.
    let worth_keeping = 2 * writer.books.total_bytes() + 4 * writer.file_bytes;
    let remove = |engine: &Engine| {
        engine.purge_manager().must_purge_all_stale();
        let mut files = engine.file_span(LogQueue::Append);
        while engine.get_used_size() as u64 > worth_keeping && files.0 < files.1 {
            engine.purge_manager().must_rewrite_append_queue(Some(files.0), None);
            let left = engine.file_span(LogQueue::Append);
            if left.0 == files.0 {
                break;
            }
            files = left;
        }
        engine.purge_expired_files().map(|_| ())
    };
    writer.shared.with_engine(remove).ok_or("stream is closed")?.map_err(|error| error.to_string())?;
    writer.note();
    Ok(())
}
