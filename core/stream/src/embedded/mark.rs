//! Remembers how far the log was acknowledged.
//!
//! After a crash, a unit at the end of the log that does not fit may be a write that was never finished,
//! or an acknowledged one that was damaged since. The mark tells them apart: it is written after each sync
//! and before the answer. It is not synced itself: killing the process loses nothing of it, and after a
//! power cut it is at worst a little behind, so that it never claims too much.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use raft_engine::internals::{EventListener, FileBlockHandle, FileId, LogQueue};

use super::check::FILE_HEADER;

const NAME: &str = "acknowledged";
const MAGIC: &[u8; 8] = b"BBSTRM-1";
const LENGTH: usize = 8 + 4 * 8 + 4;

/// Where a queue of files ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// Number of the newest file; 0 if there is none.
    pub file: u64,
    /// Its length in bytes.
    pub end: u64,
}

/// How far both queues of the engine were acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub ends: [Ends; 2],
}

/// The file that holds the mark.
pub(super) struct MarkFile(File);

impl MarkFile {
    /// Opens or creates it; `None` for the mark if there was none, or it is damaged.
    pub(super) fn open(dir: &Path) -> std::io::Result<(Self, Option<Mark>)> {
        let path = dir.join(NAME);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut stored = [0; LENGTH];
        let mark = match file.read_exact_at(&mut stored, 0) {
            Ok(()) => decode(&stored),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self(file), mark))
    }

    pub(super) fn write(&self, mark: Mark) -> std::io::Result<()> {
        self.0.write_all_at(&encode(mark), 0)
    }

    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.0.sync_all()
    }
}

fn encode(mark: Mark) -> [u8; LENGTH] {
    let mut stored = [0; LENGTH];
    stored[..8].copy_from_slice(MAGIC);
    let numbers = mark.ends.iter().flat_map(|ends| [ends.file, ends.end]);
    for (place, number) in stored[8..40].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let crc = crc32fast::hash(&stored[..40]);
    stored[40..].copy_from_slice(&crc.to_le_bytes());
    stored
}

fn decode(stored: &[u8; LENGTH]) -> Option<Mark> {
    let (content, crc) = stored.split_last_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) || !content.starts_with(MAGIC) {
        return None;
    }
    let (numbers, _) = content[8..].as_chunks::<8>();
    let number = |place: usize| u64::from_le_bytes(numbers[place]);
    let ends = |queue: usize| Ends { file: number(2 * queue), end: number(2 * queue + 1) };
    Some(Mark { ends: [ends(0), ends(1)] })
}

/// Follows where the engine writes.
#[derive(Clone)]
pub(super) struct Tracker(Arc<Mutex<Mark>>);

impl Tracker {
    /// Starts from where the files end now.
    pub(super) fn new(ends: [Ends; 2]) -> Self {
        Self(Arc::new(Mutex::new(Mark { ends })))
    }

    /// Where the engine has written to.
    pub(super) fn mark(&self) -> Mark {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, id: FileId, end: u64) {
        let mut mark = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = match id.queue {
            LogQueue::Append => &mut mark.ends[0],
            LogQueue::Rewrite => &mut mark.ends[1],
        };
        // The engine announces files it finds as well; what is known of those is more.
        if (id.seq, end) > (ends.file, ends.end) {
            *ends = Ends { file: id.seq, end };
        }
    }
}

impl EventListener for Tracker {
    fn post_new_log_file(&self, id: FileId) {
        self.advance(id, FILE_HEADER);
    }

    fn on_append_log_file(&self, unit: FileBlockHandle) {
        self.advance(unit.id, unit.offset + unit.len as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_survives_and_damage_is_noticed() {
        let mark = Mark { ends: [Ends { file: 7, end: 123 }, Ends { file: 2, end: 69 }] };
        let stored = encode(mark);
        assert_eq!(decode(&stored), Some(mark));
        for bit in 0..LENGTH * 8 {
            let mut damaged = stored;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&damaged), None);
        }
    }
}
