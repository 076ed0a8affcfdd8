//! The runtime: reads `inbound`, runs the bots' flows, and commits each turn in one transaction.
//!
//! One [`worker`] owns one partition. It takes a batch of records, at most one of each conversation at a time
//! ([`batch`]), loads what they speak of ([`load`]), decides ([`turn`], pure) and writes everything in one
//! transaction ([`commit`]). After the commit it publishes the replies ([`publish`]); what it could not publish
//! is left to the relay in [`jobs`]. What a flow asks the world is answered by [`executors`].

pub mod batch;
pub mod bots;
pub mod commit;
mod contact;
mod converse;
mod echo;
mod events;
pub mod executors;
mod files;
pub mod jobs;
mod late;
pub mod load;
mod notices;
mod opt_out;
pub mod publish;
pub mod recording;
mod records;
mod stored;
mod trail;
pub mod turn;
pub mod worker;

use std::sync::Arc;

use botbuilder_domain::{Clock, Ids};
use botbuilder_media::Media;
use botbuilder_store::Store;
use botbuilder_stream::Stream;
use botbuilder_understanding::Understandings;
use chrono::TimeDelta;

/// The consumer group of the runtime on `inbound`.
pub const GROUP: &str = "runtime";
/// What comes in from channels.
pub const INBOUND: &str = "inbound";
/// What goes out to channels.
pub const OUTBOUND: &str = "outbound";
/// What flows ask the world.
pub const QUESTIONS: &str = "questions";

/// What every part of the runtime works with.
#[derive(Clone)]
pub struct Runtime {
    /// The database.
    pub store: Store,
    /// The stream.
    pub stream: Arc<dyn Stream>,
    /// The bots' published versions.
    pub bots: Arc<bots::Bots>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// What the bots understand.
    pub understandings: Arc<Understandings>,
    /// What can be set.
    pub options: Options,
}

/// What can be set about the runtime.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most records of one batch, and so most turns of one transaction.
    pub batch: usize,
    /// A bot's reply is not sent later than this after it was written.
    pub reply_lifetime: TimeDelta,
    /// How long an event about a message that is not there yet is put off before it is dropped.
    pub park_for: TimeDelta,
    /// Whether provider callbacks are kept as they came.
    pub keep_webhooks: bool,
    /// Whether turns are kept with everything that came in, so that they can be played again.
    pub record_turns: bool,
    /// How long they are kept.
    pub turns_kept: TimeDelta,
    /// Where files are kept, so that bots are told where; without it they are told the network's own address.
    pub files: Option<Media>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: 256,
            reply_lifetime: TimeDelta::hours(1),
            park_for: TimeDelta::minutes(15),
            keep_webhooks: true,
            record_turns: true,
            turns_kept: TimeDelta::days(30),
            files: None,
        }
    }
}
