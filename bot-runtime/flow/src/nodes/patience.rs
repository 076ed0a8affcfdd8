//! What the nodes that wait have in common: how often they ask again, how long they wait, what is said meanwhile.

use serde::Deserialize;

use crate::{
    Event,
    definition::SECONDS_MAX,
    nodes::Port,
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most answers that may not fit.
const RETRIES_MAX: u32 = 20;
/// Most reminders of one wait.
const REMINDERS_MAX: usize = 5;

/// How often a node asks again and how long it waits.
///
/// - `retry_text`: said when an answer does not fit; without it, the question is repeated, behind the bot's message of
///   the kind `fallback` if it has one;
/// - `retries`: how often it asks again before it leaves by the port `other`; without it, again and again;
/// - `timeout_seconds`: how long it waits before it leaves by the port `timeout`; without it, for ever;
/// - `reminders`: what is said while it waits, as `{"after_seconds": 600, "text": "Are you still there?"}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'n> {
    pub(crate) retry_text: Option<&'n Template>,
    pub(crate) retries: Option<u32>,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) reminders: &'n [Reminder],
}

/// What is said to somebody who has not answered for a while.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a reminder")]
pub(crate) struct Reminder {
    /// Since the question.
    pub(crate) after_seconds: u32,
    pub(crate) text: Template,
}

/// What becomes of messages that come during a pause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum While {
    /// They wait, and are taken as soon as somebody waits for the person.
    #[default]
    Keep,
    /// The flow does not see them.
    Ignore,
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
        let texts = self.retry_text.into_iter().chain(self.reminders.iter().map(|reminder| &reminder.text));
        texts.for_each(|text| text.variables(names));
    }

    pub(super) fn check(self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.retries.is_some_and(|retries| retries > RETRIES_MAX) {
            faults.push(format!("`retries` is more than {RETRIES_MAX}"));
        }
        faults.extend(check_seconds("timeout_seconds", self.timeout_seconds));
        if self.reminders.len() > REMINDERS_MAX {
            faults.push(format!("there are more than {REMINDERS_MAX} reminders"));
        }
        let mut before = 0;
        for Reminder { after_seconds, .. } in self.reminders {
            let last = self.timeout_seconds.unwrap_or(SECONDS_MAX + 1);
            if *after_seconds <= before || *after_seconds >= last {
                faults.push("reminders come one after the other, and before the timeout".to_owned());
            }
            before = *after_seconds;
        }
        faults
    }

    /// Waits for the first answer.
    pub(super) fn wait(self) -> Move<'n> {
        Move::Wait { patience: self, retries: 0 }
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
        if self.retry_text.is_none() {
            turn.say_fallback()?;
        }
        ask(turn)?;
        Ok(Move::Wait { patience: self, retries: attempt })
    }
}

/// What is wrong with the length of a wait.
pub(super) fn check_seconds(name: &str, seconds: Option<u32>) -> Option<String> {
    let wrong = seconds.is_some_and(|seconds| seconds == 0 || seconds > SECONDS_MAX);
    wrong.then(|| format!("`{name}` is not between 1 and {SECONDS_MAX}"))
}
