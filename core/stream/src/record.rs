//! What travels: records, their places, and which partition a key belongs to.

use bytes::Bytes;

/// A record as the caller hands it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What must stay in order together, for example channel and contact address.
    pub key: String,
    /// The content, opaque to the stream.
    pub payload: Bytes,
    /// Names and values beside the content; a name may occur more than once.
    pub headers: Vec<(String, String)>,
}

impl Record {
    /// A record without headers.
    pub fn new(key: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { key: key.into(), payload: payload.into(), headers: Vec::new() }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Bytes of key, payload and headers together; limits and retention count these.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.len() + self.payload.len() + headers
    }
}

/// The place of a record within its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Partition of the topic, from 0.
    pub partition: u32,
    /// Number of the record within the partition, from 0, rising.
    pub offset: u64,
}

/// A record as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Where it lies.
    pub position: Position,
    /// When it was appended: milliseconds since 1970 UTC, never falling within a partition of one node.
    pub appended_at: i64,
    /// The record.
    pub record: Record,
}

/// The partition a key belongs to: the same for every backend, and the one Kafka's own clients choose
/// (murmur2 of the key, sign bit cleared, modulo the number of partitions).
///
/// `partitions` must not be 0.
pub fn partition_of(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions
}

fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Apache Kafka's own test of its hash (`UtilsTest.testMurmur2`).
    #[test]
    fn hash_equals_the_one_of_kafka() {
        let cases: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (data, expected) in cases {
            assert_eq!(murmur2(data).cast_signed(), expected);
        }
    }

    #[test]
    fn every_partition_is_reached_and_none_beyond() {
        let mut hits = [0_u32; 8];
        for number in 0..1000 {
            hits[partition_of(&format!("telegram/{number}"), 8) as usize] += 1;
        }
        assert!(hits.iter().all(|count| *count > 60), "{hits:?}");
    }
}
