//! What WhatsApp and Instagram share: signature, subscription handshake, error codes, connecting.
//!
//! All of it is pure. What only one of the two needs stays in its own crate.

pub mod error;
pub mod handshake;
pub mod setup;
pub mod signature;

pub use error::{Classify, GraphError, classify, interpret_refusal};
pub use handshake::{answer_challenge, verify_token};
pub use signature::{HEADER, sign, verify};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

/// An instant as Meta writes it: seconds since 1970, or milliseconds from 10^12 on.
pub fn instant(number: i64) -> Option<DateTime<Utc>> {
    const FIRST_MILLISECONDS: i64 = 1_000_000_000_000;
    if number >= FIRST_MILLISECONDS {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    }
}

/// A key for events that carry no id of their own: the digest of their parts, 64 hex digits.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        assert_eq!(instant(1_700_000_000), instant(1_700_000_000_000));
        assert_eq!(instant(0).unwrap().timestamp(), 0);
        assert_eq!(instant(i64::MAX), None);
    }

    #[test]
    fn a_digest_depends_on_where_parts_end() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a"]).len(), 64);
    }
}
