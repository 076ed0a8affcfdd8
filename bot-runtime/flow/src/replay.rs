//! Conversations as they were, to be played again: against the same version they come out the same to the byte, against
//! a draft the differences are told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    bot::Bot,
    input::Input,
    session::Session,
    sprint::{Event, Sprint},
    turn::step,
};

/// One step as it was: what came in, when, and what came of it. The answers of the world are among the inputs, so
/// playing it again asks nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The instant of the step.
    pub now: DateTime<Utc>,
    /// What came in.
    pub input: Input,
    /// What came of it.
    pub sprint: Sprint,
}

/// Where a conversation comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The step, from 0.
    pub step: usize,
    /// What of it.
    pub of: Part,
}

/// A part of what comes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What is said and done.
    Effects,
    /// The nodes that were entered.
    Path,
    /// What happened besides.
    Events,
    /// What the variables hold.
    Variables,
    /// What is asked or waited for.
    Next,
    /// Anything else of the session.
    Session,
}

/// Plays inputs and records them.
pub fn record(bot: &Bot, inputs: impl IntoIterator<Item = (DateTime<Utc>, Input)>) -> Vec<Recorded> {
    let mut session = Session::default();
    let mut recorded = Vec::new();
    for (now, input) in inputs {
        let sprint = step(bot, session, input.clone(), now);
        session = sprint.session.clone();
        recorded.push(Recorded { now, input, sprint });
    }
    recorded
}

/// Plays a recorded conversation again. Each step goes on from what came of the step before it in this play, so one
/// difference may lead to others.
pub fn replay(bot: &Bot, recorded: &[Recorded]) -> Vec<Difference> {
    let inputs = recorded.iter().map(|step| (step.now, step.input.clone()));
    let played = record(bot, inputs);
    let mut differences = Vec::new();
    for (step, (before, after)) in recorded.iter().zip(&played).enumerate() {
        let parts = parts(&before.sprint, &after.sprint);
        differences.extend(parts.into_iter().map(|of| Difference { step, of }));
    }
    differences
}

fn parts(before: &Sprint, after: &Sprint) -> Vec<Part> {
    let path = |sprint: &Sprint| -> Vec<Event> {
        sprint.events.iter().filter(|event| matches!(event, Event::NodeEntered { .. })).cloned().collect()
    };
    let mut parts = Vec::new();
    if before.effects != after.effects {
        parts.push(Part::Effects);
    }
    if path(before) != path(after) {
        parts.push(Part::Path);
    } else if before.events != after.events {
        parts.push(Part::Events);
    }
    if before.session.variables() != after.session.variables() {
        parts.push(Part::Variables);
    }
    if before.next != after.next {
        parts.push(Part::Next);
    }
    if parts.is_empty() && before.session != after.session {
        parts.push(Part::Session);
    }
    parts
}
