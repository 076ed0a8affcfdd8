//! The stream inside the process: durable, one node, no other service.
//!
//! It stands on `raft-engine`: an engine group is a partition, an entry index is an offset plus one, the
//! key-values of a group hold committed positions. One thread writes: it takes whatever waits, writes it
//! as one unit, syncs, and answers everybody (`writer`). `check` makes sure of the files before the engine
//! sees them; `retention` drops what need not be kept. Why this engine: `docs/adr/0001-embedded-log.md`.

mod books;
mod check;
mod entry;
mod log;
mod mark;
mod readers;
mod recent;
mod retention;
mod salvage;
mod setup;
mod unit;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use botbuilder_domain::{Clock, SystemClock};

use crate::config::{DEFAULT_MAX_RECORD, TopicConfig, check_topics};
use crate::error::OpenError;
use crate::local::Local;
use crate::traits::Stream;

/// How the embedded backend is set up.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// Directory of the log; created if missing. One process at a time may open it.
    pub dir: PathBuf,
    /// The topics. Topics stored earlier and not listed here are kept but not reachable.
    pub topics: Vec<TopicConfig>,
    /// Bytes of the largest record.
    pub max_record: usize,
    /// Bytes that may wait to be written; beyond, appends are refused.
    pub queue_bytes: usize,
    /// Records that may wait to be written; beyond, appends are refused.
    pub queue_records: usize,
    /// Bytes of newest records kept in memory, per partition.
    pub recent_bytes: usize,
    /// Bytes of a file after which the next one is begun.
    pub file_bytes: u64,
    /// Bytes of newest records compared with their checksums when the log is opened; those of older ones
    /// are when they are read.
    pub verify_bytes: u64,
    /// What to do about damage: `false` refuses to open. `true` moves the log into a directory `damaged-N`
    /// beside it and builds it anew from all that is whole; lost records leave gaps, which consumers are
    /// told of in the log, and offsets go on well beyond the last one known.
    pub set_damage_aside: bool,
    /// How often records past their retention are looked for.
    pub maintain_every: Duration,
    /// How long a worker may keep a revoked partition.
    pub revoke_grace: Duration,
    /// Stamps the records and tells which are past their retention.
    pub clock: Arc<dyn Clock>,
}

impl EmbeddedConfig {
    /// A log in this directory, with these topics and default limits.
    pub fn new(dir: impl Into<PathBuf>, topics: Vec<TopicConfig>) -> Self {
        Self {
            dir: dir.into(),
            topics,
            max_record: DEFAULT_MAX_RECORD,
            queue_bytes: 64 * 1024 * 1024,
            queue_records: 100_000,
            recent_bytes: 1024 * 1024,
            file_bytes: 64 * 1024 * 1024,
            verify_bytes: 1024 * 1024 * 1024,
            set_damage_aside: false,
            maintain_every: Duration::from_secs(10),
            revoke_grace: Duration::from_secs(25),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Opens the log, creating it if there is none. Reads files and so blocks: call it where that is allowed.
pub fn open(config: EmbeddedConfig) -> Result<Arc<dyn Stream>, OpenError> {
    check_topics(&config.topics).map_err(OpenError::Config)?;
    // On a thread of its own, for the reason told in `readers`.
    let setup = || std::thread::scope(|scope| scope.spawn(|| setup::open(&config)).join());
    let log = setup().map_err(|_| OpenError::Backend("opening the log panicked".to_owned()))??;
    Ok(Arc::new(Local::new(log, config.topics, config.revoke_grace)))
}
