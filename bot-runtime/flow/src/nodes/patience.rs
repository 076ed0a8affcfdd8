//! What the nodes that wait have in common: how often they ask again and how long they wait.

use crate::{
    Event,
    nodes::Port,
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most answers that may not fit.
const RETRIES_MAX: u32 = 20;
/// Longest wait: thirty days, in seconds.
const TIMEOUT_MAX: u32 = 2_592_000;

/// How often a node asks again and how long it waits.
///
/// - `retry_text`: said when an answer does not fit; without it, the question is repeated;
/// - `retries`: how often it asks again before it leaves by the port `other`; without it, again and again;
/// - `timeout_seconds`: how long it waits before it leaves by the port `timeout`; without it, for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience<'n> {
    pub(super) retry_text: Option<&'n Template>,
    pub(super) retries: Option<u32>,
    pub(super) timeout_seconds: Option<u32>,
}

impl<'n> Patience<'n> {
    /// `other` and `timeout`, required where the node can come to leave by them.
    pub(super) fn ports(self) -> Vec<Port<'n>> {
        vec![
            Port { name: "other", required: self.retries.is_some() },
            Port { name: "timeout", required: self.timeout_seconds.is_some() },
        ]
    }

    pub(super) fn reads(self, names: &mut Vec<&'n str>) {
        if let Some(text) = self.retry_text {
            text.variables(names);
        }
    }

    pub(super) fn check(self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.retries.is_some_and(|retries| retries > RETRIES_MAX) {
            faults.push(format!("`retries` is more than {RETRIES_MAX}"));
        }
        if self.timeout_seconds.is_some_and(|seconds| seconds == 0 || seconds > TIMEOUT_MAX) {
            faults.push(format!("`timeout_seconds` is not between 1 and {TIMEOUT_MAX}"));
        }
        faults
    }

    /// Waits for the first answer.
    pub(super) fn wait(self) -> Move<'n> {
        Move::Wait { seconds: self.timeout_seconds, retries: 0 }
    }

    /// Asks again and waits anew, or leaves by `other` when that was done often enough.
    pub(super) fn ask_again(
        self,
        turn: &mut Turn<'_>,
        ask: impl FnOnce(&mut Turn<'_>) -> Result<(), Failure>,
    ) -> Result<Move<'n>, Failure> {
        let attempt = turn.retries().saturating_add(1);
        let node = turn.node().id.clone();
        if self.retries.is_some_and(|retries| attempt > retries) {
            turn.event(Event::GaveUp { node });
            return Ok(Move::Leave("other"));
        }
        turn.event(Event::Retried { node, attempt });
        ask(turn)?;
        Ok(Move::Wait { seconds: self.timeout_seconds, retries: attempt })
    }
}
