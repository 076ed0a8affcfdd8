//! `[runtime]`: how turns are run and committed.

use serde::{Deserialize, Serialize};

use super::Problem;

/// The runtime.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Turns of different conversations committed in one transaction.
    pub commit_batch: usize,
    /// Bot versions kept in memory by one process.
    pub cached_bots: usize,
    /// Nodes of a flow that one turn may pass.
    pub turn_steps: u32,
    /// Messages one turn may send.
    pub turn_messages: u32,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { commit_batch: 100, cached_bots: 10_000, turn_steps: 250, turn_messages: 64 }
    }
}

impl Runtime {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (key, value) in [
            ("runtime.commit_batch", self.commit_batch as u64),
            ("runtime.cached_bots", self.cached_bots as u64),
            ("runtime.turn_steps", u64::from(self.turn_steps)),
            ("runtime.turn_messages", u64::from(self.turn_messages)),
        ] {
            Problem::unless(value > 0, key, "must be at least 1", problems);
        }
    }
}
