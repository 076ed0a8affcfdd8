//! Checks the engine's files before the engine opens them.
//!
//! The engine alone cuts its newest file at the first unit that does not fit, whatever follows, and reads
//! records without their checksum when it starts. Here every unit is checked first: a tail that was never
//! acknowledged is cut off, anything else is reported with its place.
//!
//! A file is a header of 69 bytes and units one after another. A unit is: `u56` length and `u8` compression
//! (0: none, the only one we write), `u64` start of the index; records and their CRC, unless there are
//! none; index and its CRC, the latter mixed with the number of the file. Numbers are big-endian, CRCs
//! little-endian. The engine allocates ahead, so zeros may follow the last unit.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::mark::{Ends, Mark};
use crate::error::OpenError;

const MAGIC: &[u8; 53] = b"RAFT-LOG-FILE-HEADER-9986AB3E47F320B394C8E84916EB0ED5";
/// Bytes before the first unit of a file.
pub(super) const FILE_HEADER: u64 = 69;
pub(super) const UNIT_HEADER: u64 = 16;
const CRC: u64 = 4;
/// How much of a file is read at once.
const WINDOW: u64 = 1024 * 1024;

/// The suffixes of the engine's two queues: what was appended, and old records it has moved.
const SUFFIXES: [&str; 2] = [".raftlog", ".rewrite"];

/// Checks all files in the directory, cuts off an unacknowledged tail, and tells where the files end.
/// The records of the newest `verify_bytes` are compared with their checksums; of older ones only the
/// indexes are, since every later read compares as well.
pub(super) fn check(dir: &Path, mark: Option<Mark>, verify_bytes: u64) -> Result<[Ends; 2], OpenError> {
    let mut ends = [Ends::default(); 2];
    for (queue, ends) in ends.iter_mut().enumerate() {
        let acknowledged = mark.map(|mark| mark.ends[queue]).unwrap_or_default();
        *ends = check_queue(dir, queue, acknowledged, verify_bytes)?;
    }
    Ok(ends)
}

fn check_queue(dir: &Path, queue: usize, acknowledged: Ends, verify_bytes: u64) -> Result<Ends, OpenError> {
    let mut numbers = list(dir, SUFFIXES[queue])?;
    for pair in numbers.windows(2) {
        if pair[1] != pair[0] + 1 {
            return Err(missing(dir, queue, pair[0] + 1));
        }
    }
    if acknowledged.file > numbers.last().copied().unwrap_or(0) {
        return Err(missing(dir, queue, acknowledged.file));
    }
    // A file that was being created when the power went holds nothing acknowledged, nor does any other.
    if let Some(newest) = numbers.last().copied().filter(|newest| *newest > acknowledged.file) {
        let path = path(dir, queue, newest);
        if is_unborn(&path).map_err(|source| failed("read", &path, source))? {
            tracing::warn!(file = %path.display(), "removing a log file whose creation was interrupted");
            fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
            numbers.pop();
        }
    }
    let mut ends = Ends::default();
    let mut unread: u64 = 0;
    for number in numbers.iter().rev() {
        let path = path(dir, queue, *number);
        let newest = Some(number) == numbers.last();
        let must_reach = if *number == acknowledged.file { acknowledged.end } else { FILE_HEADER };
        let open = fs::OpenOptions::new().read(true).write(newest).open(&path);
        let file = open.map_err(|source| failed("open", &path, source))?;
        let length = file.metadata().map_err(|source| failed("read", &path, source))?.len();
        let mut walk = Walk { file, length, number: *number, window: Vec::new(), window_start: 0 };
        let (end, fault) = walk.run(unread < verify_bytes).map_err(|source| failed("read", &path, source))?;
        unread += length;
        if let Some(reason) = fault {
            let damaged = |reason| OpenError::Damaged { file: path.clone(), offset: end, reason };
            if !newest || end < must_reach {
                return Err(damaged(reason));
            }
            let follows = walk.whole_unit_after(end).map_err(|source| failed("read", &path, source))?;
            if let Some(next) = follows {
                return Err(damaged(format!("{reason}, and a whole unit follows at byte {next}")));
            }
            tracing::warn!(file = %path.display(), offset = end, reason, "cutting off an unfinished write");
        } else if end < must_reach {
            let reason = format!("log ends here, but was acknowledged up to byte {must_reach}");
            return Err(OpenError::Damaged { file: path, offset: end, reason });
        }
        if newest {
            ends = Ends { file: *number, end };
            if length > end {
                let cut = walk.file.set_len(end).and_then(|()| walk.file.sync_all());
                cut.map_err(|source| failed("cut", &path, source))?;
            }
        }
    }
    Ok(ends)
}

/// Gives every whole unit of a file with its place, stepping over what does not fit.
pub(super) fn each_whole_unit(
    path: &Path,
    number: u64,
    mut each: impl FnMut(u64, &[u8]),
) -> std::io::Result<()> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut walk = Walk { file, length, number, window: Vec::new(), window_start: 0 };
    let mut at = FILE_HEADER;
    while at < length {
        if let Ok(unit) = walk.unit(at, true)? {
            each(at, walk.bytes(at, unit)?);
            at += unit;
        } else if walk.only_zeros_from(at)? {
            break;
        } else if let Some(next) = walk.whole_unit_after(at)? {
            at = next;
        } else {
            break;
        }
    }
    Ok(())
}

/// Numbers of the files of a queue, rising.
pub(super) fn numbers(dir: &Path, queue: usize) -> Result<Vec<u64>, OpenError> {
    list(dir, SUFFIXES[queue])
}

fn list(dir: &Path, suffix: &str) -> Result<Vec<u64>, OpenError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(|source| failed("list", dir, source))? {
        let name = entry.map_err(|source| failed("list", dir, source))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(suffix));
        if let Some(number) =
            number.filter(|number| number.len() == 16).and_then(|number| number.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether nothing but zeros or a part of the header was written.
fn is_unborn(path: &Path) -> std::io::Result<bool> {
    let content = fs::read(path)?;
    let header = file_header();
    let written = content.len() - content.iter().rev().take_while(|byte| **byte == 0).count();
    let part = content.len() <= header.len() && content != header && header.starts_with(&content[..written]);
    Ok(written == 0 || part)
}

fn file_header() -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&2_u64.to_be_bytes()); // format version
    header.extend_from_slice(&0_u64.to_be_bytes()); // alignment: none
    header
}

/// Where a file of a queue lies.
pub(super) fn path(dir: &Path, queue: usize, number: u64) -> PathBuf {
    dir.join(format!("{number:016}{}", SUFFIXES[queue]))
}

fn missing(dir: &Path, queue: usize, number: u64) -> OpenError {
    OpenError::Damaged { file: path(dir, queue, number), offset: 0, reason: "file is missing".to_owned() }
}

fn failed(what: &str, path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io { what: format!("{what} {}", path.display()), source }
}

/// Goes through one file, unit by unit.
struct Walk {
    file: File,
    length: u64,
    number: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl Walk {
    /// The end of the last unit that fits, and what is wrong with the one after it, if there is one.
    fn run(&mut self, verify_records: bool) -> std::io::Result<(u64, Option<String>)> {
        let header = file_header();
        if self.length < FILE_HEADER || self.bytes(0, FILE_HEADER)? != header {
            return Ok((0, Some("file header does not fit".to_owned())));
        }
        let mut at = FILE_HEADER;
        while at < self.length {
            match self.unit(at, verify_records)? {
                Ok(length) => at += length,
                Err(_) if self.only_zeros_from(at)? => break,
                Err(reason) => return Ok((at, Some(reason))),
            }
        }
        Ok((at, None))
    }

    /// Length of the unit at this place, or why it is none.
    fn unit(&mut self, at: u64, verify_records: bool) -> std::io::Result<Result<u64, String>> {
        let room = self.length - at;
        if room < UNIT_HEADER {
            return Ok(Err("unit header is cut short".to_owned()));
        }
        let header = self.bytes(at, UNIT_HEADER)?;
        let first = u64::from_be_bytes(header[..8].try_into().unwrap_or_default());
        let index = u64::from_be_bytes(header[8..].try_into().unwrap_or_default());
        let (length, compression) = (first >> 8, first & 0xff);
        if compression != 0 || index < UNIT_HEADER || index > length || length - index <= CRC {
            return Ok(Err("unit header does not fit".to_owned()));
        }
        if length > room {
            return Ok(Err(format!("unit of {length} bytes is cut short at {room}")));
        }
        let records = index - UNIT_HEADER;
        if records > 0 && records <= CRC {
            return Ok(Err("unit header does not fit".to_owned()));
        }
        if records > 0 && verify_records && !fits(self.bytes(at + UNIT_HEADER, records)?, 0) {
            return Ok(Err("checksum of the records does not fit".to_owned()));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the engine mixes in the low 32 bits")]
        let signature = self.number as u32;
        if !fits(self.bytes(at + index, length - index)?, signature) {
            return Ok(Err("checksum of the index does not fit".to_owned()));
        }
        Ok(Ok(length))
    }

    /// The first place after `at` where a whole unit begins. After an unfinished write there is none, as
    /// nothing is written before the one before it is on disk.
    fn whole_unit_after(&mut self, at: u64) -> std::io::Result<Option<u64>> {
        for candidate in at + 1..self.length {
            if self.unit(candidate, true)?.is_ok() {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn only_zeros_from(&mut self, at: u64) -> std::io::Result<bool> {
        let mut at = at;
        while at < self.length {
            let length = WINDOW.min(self.length - at);
            if self.bytes(at, length)?.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += length;
        }
        Ok(true)
    }

    /// Bytes of the file; `start + length` is within it.
    fn bytes(&mut self, start: u64, length: u64) -> std::io::Result<&[u8]> {
        let held = self.window_start..self.window_start + self.window.len() as u64;
        if !(held.contains(&start) && start + length <= held.end) {
            let wanted = length.max(WINDOW.min(self.length - start));
            self.window.resize(usize::try_from(wanted).map_err(std::io::Error::other)?, 0);
            self.file.read_exact_at(&mut self.window, start)?;
            self.window_start = start;
        }
        let from = usize::try_from(start - self.window_start).map_err(std::io::Error::other)?;
        let length = usize::try_from(length).map_err(std::io::Error::other)?;
        Ok(&self.window[from..from + length])
    }
}

/// Whether the last four bytes are the checksum of those before, mixed with the signature.
fn fits(bytes: &[u8], signature: u32) -> bool {
    let Some((content, crc)) = bytes.split_last_chunk::<4>() else { return false };
    crc32fast::hash(content) == u32::from_le_bytes(*crc) ^ signature
}
