//! Every truncation and every flipped bit of a short log of three files: recovered exactly, or reported
//! with its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use botbuilder_stream::conformance::{append_numbers, commit, numbers, partition_with, read, within};
use botbuilder_stream::embedded::{self, EmbeddedConfig};
use botbuilder_stream::{OpenError, Position, Stream, TopicConfig};
use tempfile::TempDir;

const RECORDS: usize = 12;
const COMMITTED: usize = 4;
/// The file that tells how far the log was acknowledged.
const MARK: &str = "acknowledged";
/// The directory of the log's files.
const LOG: &str = "log";

type Files = BTreeMap<String, Vec<u8>>;

fn config(dir: &Path) -> EmbeddedConfig {
    EmbeddedConfig { file_bytes: 420, ..EmbeddedConfig::new(dir, vec![TopicConfig::new("inbound", 1)]) }
}

/// Memory is faster than disk for a hundred thousand small files.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("directory")
}

fn load(dir: &Path) -> Files {
    let entries = fs::read_dir(dir.join(LOG)).expect("directory").map(|entry| entry.expect("entry").path());
    let load = |path: std::path::PathBuf| {
        let name = path.file_name().expect("name").to_str().expect("text").to_owned();
        (name, fs::read(path).expect("file"))
    };
    entries.map(load).collect()
}

fn store(dir: &Path, files: &Files) {
    for entry in fs::read_dir(dir).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            fs::remove_dir_all(path).expect("remove");
        }
    }
    fs::create_dir(dir.join(LOG)).expect("create");
    for (name, content) in files {
        fs::write(dir.join(LOG).join(name), content).expect("write");
    }
}

/// A log of three files: as it is while open, as after a kill, and as after closing.
async fn short_log() -> (Files, Files) {
    let dir = directory();
    let stream = embedded::open(config(dir.path())).expect("open");
    for number in 0..RECORDS {
        append_numbers(&stream, "inbound", "key", number..number + 1).await;
        if number + 1 == COMMITTED {
            commit(&stream, "inbound", "runtime", Position { partition: 0, offset: COMMITTED as u64 }).await;
        }
    }
    let killed = load(dir.path());
    stream.close().await;
    let closed = load(dir.path());
    assert_eq!(closed.keys().filter(|name| name.ends_with(".raftlog")).count(), 3, "{:?}", closed.keys());
    (killed, closed)
}

/// What a log holds: all its records, and what the group has yet to read.
async fn contents(dir: &Path) -> Result<(Vec<usize>, Vec<usize>), OpenError> {
    let stream = embedded::open(config(dir))?;
    let lag = stream.lag("inbound", "runtime").await.expect("lag")[0];
    let count = |records: u64| usize::try_from(records).expect("few records");
    let unread = if lag.records() == 0 {
        Vec::new()
    } else {
        numbers(&read(&stream, "inbound", "runtime", count(lag.records())).await)
    };
    let all = if lag.end == lag.first {
        Vec::new()
    } else {
        numbers(&read(&stream, "inbound", "somebody", count(lag.end - lag.first)).await)
    };
    stream.close().await;
    Ok((all, unread))
}

fn place(error: &OpenError) -> (String, u64) {
    match error {
        OpenError::Damaged { file, offset, .. } => {
            (file.file_name().expect("name").to_str().expect("text").to_owned(), *offset)
        }
        other => panic!("no place named: {other}"),
    }
}

fn newest(files: &Files) -> String {
    files.keys().rfind(|name| name.ends_with(".raftlog")).expect("a log file").clone()
}

#[tokio::test]
async fn every_truncation_after_a_power_cut_leaves_a_prefix() {
    let (killed, _) = short_log().await;
    let newest = newest(&killed);
    let content = &killed[&newest];
    let dir = directory();
    let mut lengths = Vec::new();
    // What the operating system had not written back is gone, and so is the mark.
    for length in 0..=content.len().min(4000) {
        let mut files = killed.clone();
        files.remove(MARK);
        files.get_mut(&newest).expect("newest").truncate(length);
        store(dir.path(), &files);
        let (all, unread) = contents(dir.path()).await.expect("a torn tail is cut off");
        assert_eq!(all, (0..all.len()).collect::<Vec<_>>(), "cut at {length}");
        assert_eq!(unread, all[COMMITTED..], "cut at {length}");
        lengths.push(all.len());
    }
    assert!(lengths.is_sorted());
    assert!(lengths[0] < RECORDS && lengths.last() == Some(&RECORDS), "{lengths:?}");
}

#[tokio::test]
async fn every_truncation_of_what_was_acknowledged_is_reported() {
    let (_, closed) = short_log().await;
    let newest = newest(&closed);
    let dir = directory();
    for length in 0..closed[&newest].len() {
        let mut files = closed.clone();
        files.get_mut(&newest).expect("newest").truncate(length);
        store(dir.path(), &files);
        let error = contents(dir.path()).await.expect_err("acknowledged records are gone");
        let (file, offset) = place(&error);
        assert_eq!(file, newest);
        assert!(offset <= length as u64, "cut at {length}: {error}");
    }
}

#[tokio::test]
async fn lost_file_is_reported() {
    let (_, closed) = short_log().await;
    let dir = directory();
    for name in closed.keys().filter(|name| name.ends_with(".raftlog")) {
        let mut files = closed.clone();
        files.remove(name);
        store(dir.path(), &files);
        let error = contents(dir.path()).await.expect_err("records are gone");
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn every_flipped_bit_is_reported_or_without_effect() {
    let (killed, closed) = short_log().await;
    let dir = directory();
    let expected = ((0..RECORDS).collect::<Vec<_>>(), (COMMITTED..RECORDS).collect::<Vec<_>>());
    for files in [closed, killed] {
        store(dir.path(), &files);
        let mut reported = 0;
        let mut harmless = 0;
        for (name, content) in &files {
            // Beyond lie zeros that were allocated ahead; flipping a few of them shows the same as all.
            for bit in 0..content.len().min(3000) * 8 {
                let mut damaged = content.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                fs::write(dir.path().join(LOG).join(name), &damaged).expect("write");
                match contents(dir.path()).await {
                    Ok(found) => {
                        assert_eq!(found, expected, "bit {bit} of {name}");
                        harmless += 1;
                        store(dir.path(), &files);
                    }
                    Err(error) => {
                        let (file, offset) = place(&error);
                        assert_eq!(&file, name, "bit {bit} of {name}: {error}");
                        assert!(offset <= (bit / 8) as u64, "bit {bit} of {name}: {error}");
                        reported += 1;
                        fs::write(dir.path().join(LOG).join(name), content).expect("write");
                    }
                }
            }
        }
        let mark_bits = files[MARK].len() * 8;
        assert!(reported > 10_000 && harmless >= mark_bits, "{reported} reported, {harmless} harmless");
    }
}

#[tokio::test]
async fn damage_set_aside_costs_one_unit() {
    let (_, closed) = short_log().await;
    let dir = directory();
    let mut lost_positions = 0;
    for (name, content) in closed.iter().filter(|(name, _)| name.ends_with(".raftlog")) {
        for byte in (0..content.len()).step_by(11) {
            let mut files = closed.clone();
            files.get_mut(name).expect("file")[byte] ^= 4;
            store(dir.path(), &files);
            assert!(contents(dir.path()).await.is_err(), "byte {byte} of {name}");
            let config = EmbeddedConfig { set_damage_aside: true, ..config(dir.path()) };
            let stream = embedded::open(config).expect("whole units remain");
            // The end is well beyond every record: read until one that is appended now.
            append_numbers(&stream, "inbound", "key", 99..100).await;
            let all = read_until(&stream, "somebody", 99).await;
            let unread = read_until(&stream, "runtime", 99).await;
            assert!(all.is_sorted() && all.len() >= RECORDS, "byte {byte} of {name}: {all:?}");
            if unread == all {
                lost_positions += 1;
            } else {
                let unread_at_most = all.iter().copied().filter(|number| *number >= COMMITTED);
                assert_eq!(unread, unread_at_most.collect::<Vec<_>>(), "byte {byte} of {name}");
            }
            stream.close().await;
            assert!(dir.path().join("damaged-1").is_dir());
        }
    }
    assert!(lost_positions > 0, "the unit with the position was hit as well");
}

async fn read_until(stream: &Arc<dyn Stream>, group: &str, last: usize) -> Vec<usize> {
    let mut member = stream.subscribe("inbound", group).await.expect("subscribe");
    let mut partition = partition_with(&mut *member, 0).await;
    let mut found = Vec::new();
    while found.last() != Some(&last) {
        found.extend(numbers(&within("a record", partition.next(100)).await.expect("next")));
    }
    found
}
