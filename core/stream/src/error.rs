//! How appending, consuming and opening fail, by what the caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

/// Why records were not appended. None of the records handed in is promised to be stored; those of an
/// `Unavailable` may have been, so appending them again may double them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A bound is reached: too much waits to be written, or unread records fill the topic.
    #[error("stream is full, retry after {} ms", retry_after.as_millis())]
    Full {
        /// Not before this has passed.
        retry_after: Duration,
    },
    /// The stream cannot store anything at present.
    #[error("stream is unavailable: {reason}")]
    Unavailable {
        /// What is wrong, for the log.
        reason: String,
    },
    /// One record is larger than the stream takes; appending it again cannot help.
    #[error("record of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes of the record.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The topic is not configured.
    #[error("unknown topic {0:?}")]
    UnknownTopic(String),
}

/// Why reading or committing did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// The partition belongs to somebody else now: stop, and drop it.
    #[error("partition was revoked")]
    Revoked,
    /// The topic is not configured.
    #[error("unknown topic {0:?}")]
    UnknownTopic(String),
    /// The stream cannot be read at present; the same call may succeed later.
    #[error("stream is unavailable: {reason}")]
    Unavailable {
        /// What is wrong, for the log.
        reason: String,
    },
    /// A stored record is damaged. Nothing was skipped: the same call fails until somebody acts.
    #[error("damaged record at {place}: {reason}")]
    Damaged {
        /// Topic, partition and offset.
        place: String,
        /// What does not fit.
        reason: String,
    },
}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory open.
    #[error("{} is in use by another process", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// A stored byte does not fit its checksum, or something that was acknowledged is gone.
    #[error("damage in {} at byte {offset}: {reason}", file.display())]
    Damaged {
        /// The file that holds the damage.
        file: PathBuf,
        /// Where the first unit that does not fit begins.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// The configuration does not fit what is stored, or cannot be right.
    #[error("stream configuration: {0}")]
    Config(String),
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The answer.
        source: std::io::Error,
    },
    /// The engine or the broker refused.
    #[error("stream backend: {0}")]
    Backend(String),
}
