//! How a record is stored in the engine.
//!
//! The engine stores protobuf messages and asks nothing of them but to write and read themselves, so an
//! entry writes itself: three little-endian `u64`, then the record's own bytes after their length as `u32`.

use std::any::Any;
use std::sync::OnceLock;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protobuf::reflect::MessageDescriptor;
use protobuf::well_known_types::Empty;
use protobuf::{Clear, CodedInputStream, CodedOutputStream, Message, ProtobufResult, UnknownFields};
use raft_engine::MessageExt;

use crate::record::{Delivered, Position, Record};

/// Which layout `body` has; stored as its first byte.
const LAYOUT: u8 = 1;
/// Instead of a layout: the record was lost to damage.
const LOST: u8 = 0;
/// Bytes of a stored entry beside its body.
const FIXED: u32 = 3 * 8 + 4;

/// A stored record.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Entry {
    /// Number of the entry in the engine: the record's offset plus one.
    pub index: u64,
    /// Milliseconds since 1970.
    pub appended_at: u64,
    /// Bytes of all earlier entries of the partition: the difference of two is what lies between them.
    pub bytes_before: u64,
    /// Key, headers and payload.
    pub body: Bytes,
    unknown: UnknownFields,
}

impl Entry {
    pub(super) fn new(offset: u64, appended_at: u64, bytes_before: u64, body: Bytes) -> Self {
        Self { index: offset + 1, appended_at, bytes_before, body, unknown: UnknownFields::new() }
    }

    /// Stands for a record that was lost to damage.
    pub(super) fn lost(index: u64, bytes_before: u64) -> Self {
        Self { index, bytes_before, body: Bytes::from_static(&[LOST]), ..Self::default() }
    }

    pub(super) fn is_lost(&self) -> bool {
        *self.body == [LOST]
    }

    /// Bytes that count for retention.
    pub(super) fn size(&self) -> u64 {
        stored_size(&self.body)
    }

    /// The record as a consumer gets it, or what is wrong with the bytes.
    pub(super) fn deliver(self, partition: u32) -> Result<Delivered, String> {
        let offset = self.index.checked_sub(1).ok_or("entry without a number")?;
        let appended_at = i64::try_from(self.appended_at).map_err(|_| "time out of range")?;
        let record = decode(self.body).ok_or("record ends early")?;
        Ok(Delivered { position: Position { partition, offset }, appended_at, record })
    }
}

/// Bytes that a record with this body counts for.
pub(super) fn stored_size(body: &Bytes) -> u64 {
    body.len() as u64 + u64::from(FIXED)
}

/// A record as bytes: layout, key, headers, payload; lengths as little-endian `u32`.
pub(super) fn encode(record: &Record) -> Bytes {
    let Record { key, payload, headers } = record;
    let mut body = BytesMut::with_capacity(record.size() + 9 + 8 * headers.len());
    body.put_u8(LAYOUT);
    put_text(&mut body, key);
    body.put_u32_le(count(headers.len()));
    for (name, value) in headers {
        put_text(&mut body, name);
        put_text(&mut body, value);
    }
    body.put_slice(payload);
    body.freeze()
}

fn put_text(body: &mut BytesMut, text: &str) {
    body.put_u32_le(count(text.len()));
    body.put_slice(text.as_bytes());
}

fn length_of(body: &Bytes) -> u32 {
    count(body.len())
}

// Records are bounded to far less than 4 GiB before they come here.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn decode(mut body: Bytes) -> Option<Record> {
    if body.try_get_u8().ok()? != LAYOUT {
        return None;
    }
    let key = take_text(&mut body)?;
    let count = body.try_get_u32_le().ok()?;
    let mut headers = Vec::new();
    for _ in 0..count {
        headers.push((take_text(&mut body)?, take_text(&mut body)?));
    }
    Some(Record { key, payload: body, headers })
}

fn take_text(body: &mut Bytes) -> Option<String> {
    let length = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
    if length > body.len() {
        return None;
    }
    String::from_utf8(body.split_to(length).into()).ok()
}

impl MessageExt for Entry {
    type Entry = Self;

    fn index(entry: &Self) -> u64 {
        entry.index
    }
}

impl Clear for Entry {
    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Message for Entry {
    // Asked for by reflection only, which the engine does not use.
    fn descriptor(&self) -> &'static MessageDescriptor {
        Empty::descriptor_static()
    }

    fn is_initialized(&self) -> bool {
        true
    }

    fn merge_from(&mut self, input: &mut CodedInputStream<'_>) -> ProtobufResult<()> {
        self.index = input.read_raw_little_endian64()?;
        self.appended_at = input.read_raw_little_endian64()?;
        self.bytes_before = input.read_raw_little_endian64()?;
        let length = input.read_raw_little_endian32()?;
        let mut body = Vec::new();
        input.read_raw_bytes_into(length, &mut body)?;
        self.body = body.into();
        Ok(())
    }

    fn write_to_with_cached_sizes(&self, output: &mut CodedOutputStream<'_>) -> ProtobufResult<()> {
        output.write_raw_little_endian64(self.index)?;
        output.write_raw_little_endian64(self.appended_at)?;
        output.write_raw_little_endian64(self.bytes_before)?;
        output.write_raw_little_endian32(length_of(&self.body))?;
        output.write_raw_bytes(&self.body)
    }

    fn compute_size(&self) -> u32 {
        self.get_cached_size()
    }

    fn get_cached_size(&self) -> u32 {
        FIXED + length_of(&self.body)
    }

    fn get_unknown_fields(&self) -> &UnknownFields {
        &self.unknown
    }

    fn mut_unknown_fields(&mut self) -> &mut UnknownFields {
        &mut self.unknown
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn new() -> Self {
        Self::default()
    }

    fn default_instance() -> &'static Self {
        static DEFAULT: OnceLock<Entry> = OnceLock::new();
        DEFAULT.get_or_init(Self::default)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn record_survives_storage(
            key in ".{0,40}",
            payload in prop::collection::vec(any::<u8>(), 0..300),
            headers in prop::collection::vec((".{0,10}", ".{0,20}"), 0..4),
            offset in 0..u64::MAX,
        ) {
            let record = Record { key, payload: payload.into(), headers };
            let entry = Entry::new(offset, 1_700_000_000_000, 42, encode(&record));
            let stored = entry.write_to_bytes().unwrap();
            let read = Entry::parse_from_bytes(&stored).unwrap();
            let delivered = read.deliver(3).unwrap();
            prop_assert_eq!(delivered.record, record);
            prop_assert_eq!(delivered.position, Position { partition: 3, offset });
        }

        #[test]
        fn foreign_bytes_are_refused_not_trusted(body in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(record) = decode(Bytes::from(body.clone())) {
                prop_assert_eq!(encode(&record), Bytes::from(body));
            }
        }
    }
}
