//! `[runtime]`: how turns are run and committed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Problem, units};

/// The runtime. The budget of a turn is a default that a bot's plan may lower or raise.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Turns of different conversations committed in one transaction.
    pub commit_batch: usize,
    /// Longest a finished turn waits for company.
    #[serde(with = "units::duration")]
    pub commit_delay: Duration,
    /// Crashes on one record before it becomes a dead letter.
    pub poison_after: u32,
    /// Bot versions kept in memory by one process.
    pub cached_bots: usize,
    /// Wall time of a turn.
    #[serde(with = "units::duration")]
    pub turn_timeout: Duration,
    /// Nodes of a flow that one turn may pass.
    pub turn_steps: u32,
    /// Messages one turn may send.
    pub turn_messages: u32,
    /// HTTP calls one turn may make.
    pub turn_http_calls: u32,
    /// Rounds with a model in one turn.
    pub turn_model_rounds: u32,
    /// Tokens one turn may use.
    pub turn_tokens: u64,
    /// Money one turn may cost, in millionths of the billing currency.
    pub turn_micros: u64,
    /// Size of a session's state.
    #[serde(with = "units::bytes")]
    pub session_bytes: u64,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            commit_batch: 100,
            commit_delay: Duration::from_millis(2),
            poison_after: 2,
            cached_bots: 256,
            turn_timeout: Duration::from_secs(30),
            turn_steps: 250,
            turn_messages: 64,
            turn_http_calls: 20,
            turn_model_rounds: 20,
            turn_tokens: 50_000,
            turn_micros: 500_000,
            session_bytes: 1 << 20,
        }
    }
}

impl Runtime {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (key, value) in [
            ("runtime.commit_batch", self.commit_batch as u64),
            ("runtime.poison_after", u64::from(self.poison_after)),
            ("runtime.cached_bots", self.cached_bots as u64),
            ("runtime.turn_steps", u64::from(self.turn_steps)),
            ("runtime.turn_messages", u64::from(self.turn_messages)),
            ("runtime.session_bytes", self.session_bytes),
        ] {
            Problem::unless(value > 0, key, "must be at least 1", problems);
        }
        Problem::unless(
            self.turn_timeout > Duration::ZERO,
            "runtime.turn_timeout",
            "must be longer than nothing",
            problems,
        );
    }
}
