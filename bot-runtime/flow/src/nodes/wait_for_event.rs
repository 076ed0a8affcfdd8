//! Waits until something happens outside.
//!
//! ```json
//! {"id": "until_paid", "type": "wait_for_event", "data": {
//!   "event": "order.paid", "when": "event.data.order == order", "variable": "payment",
//!   "timeout_seconds": 3600, "messages": "keep"}}
//! ```
//!
//! An event of that name is taken if `when` holds, or is not there; `variable` receives its data. A message that comes
//! meanwhile leaves by the port `interrupted`, if that leads anywhere; else `messages` says whether it waits (`keep`, the
//! default) or is not seen by the flow (`ignore`).
//!
//! Ports: `next`, `timeout` (required with `timeout_seconds`), `interrupted`, `error`.

use serde::Deserialize;

use super::{About, Behaviour, Pausing, Port, Role, While, patience::check_seconds};
use crate::{
    definition::NAME_MAX,
    expression::Expression,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitForEvent {
    event: String,
    when: Option<Expression>,
    variable: Option<String>,
    timeout_seconds: Option<u32>,
    #[serde(default)]
    messages: While,
}

impl Behaviour for WaitForEvent {
    fn ports(&self) -> Vec<Port<'_>> {
        let timeout = Port { name: "timeout", required: self.timeout_seconds.is_some() };
        vec![Port::optional("next"), timeout, Port::optional("interrupted")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.when.iter().for_each(|when| when.variables(&mut about.reads));
        about.writes.extend(self.variable.as_deref());
    }

    fn check(&self) -> Vec<String> {
        let mut faults: Vec<String> =
            check_seconds("timeout_seconds", self.timeout_seconds).into_iter().collect();
        if self.event.is_empty() || self.event.chars().count() > NAME_MAX {
            faults.push(format!("the name of an event has 1 to {NAME_MAX} characters"));
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Pauses(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        Ok(Move::Pause(self.timeout_seconds.and_then(|seconds| turn.after(seconds))))
    }
}

impl Pausing for WaitForEvent {
    fn meanwhile(&self) -> While {
        self.messages
    }

    fn over(&self) -> &'static str {
        "timeout"
    }

    fn happened(&self, turn: &mut Turn<'_>, name: &str) -> Option<Result<Move<'_>, Failure>> {
        if name != self.event {
            return None;
        }
        match self.when.as_ref().map(|when| turn.evaluate(when)) {
            Some(Ok(value)) if !value.is_true() => return None,
            // An event that cannot be judged is none that is waited for.
            Some(Err(Failure::Error(_))) => return None,
            Some(Err(failure)) => return Some(Err(failure)),
            Some(Ok(_)) | None => {}
        }
        let data = turn.facts().event_data.clone();
        let kept = self.variable.as_ref().map_or(Ok(()), |variable| turn.set(variable, data));
        Some(kept.map(|()| Move::Leave("next")))
    }
}
