//! A recorded conversation as a test.

use botbuilder_domain::Content;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Act, Given, Outcome, Simulation,
    cases::{Case, record},
};
use crate::{
    bot::Bot,
    input::Input,
    replay::{Again, Recorded, Told},
};

/// A recorded conversation as a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The test: what was said, and what came of it.
    pub case: Case,
    /// Whether what comes of it is what was recorded, word by word.
    pub is_faithful: bool,
}

/// Makes a test of a conversation that was played again; none where nobody said anything in it, or nothing can be played.
///
/// Time goes by only where a timer fired, so that the test is easy to read. Where that leads to other words, it goes by as
/// it did.
pub fn case(name: &str, recorded: &[Recorded], again: &Again, bot: &Bot) -> Option<Made> {
    let told: Option<Vec<&Told>> = again.told.iter().map(Option::as_ref).collect();
    let told = told?;
    let begun = recorded.first()?;
    let said: Vec<_> = told.iter().flat_map(|told| &told.said).collect();
    let given = given(recorded, &told);
    let mut made = None;
    for exact in [false, true] {
        let acts = acts(recorded, begun.now, exact);
        let mut simulation =
            Simulation::new(bot.clone(), begun.input.context().clone(), given.clone(), begun.now);
        let played: Option<Vec<(Act, Outcome)>> =
            acts.into_iter().map(|act| simulation.act(&act).ok().map(|outcome| (act, outcome))).collect();
        let Some(played) = played.filter(|played| !played.is_empty()) else { continue };
        let is_faithful = played.iter().flat_map(|(_, outcome)| &outcome.said).eq(said.iter().copied());
        if made.is_none() || is_faithful {
            made = Some(Made { case: record(name, begun.now, given.clone(), played), is_faithful });
        }
        if is_faithful {
            break;
        }
    }
    made
}

/// What the world said, each to the node that asked last.
fn given(recorded: &[Recorded], told: &[&Told]) -> Vec<Given> {
    let mut asked: Option<&String> = None;
    let mut given = Vec::new();
    for (one, told) in recorded.iter().zip(told) {
        if let Input::Answer { answer, .. } = &one.input {
            given.push(Given { node: asked.cloned(), answer: answer.clone() });
        }
        asked = told.asked.last().or(asked);
    }
    given
}

fn acts(recorded: &[Recorded], begun: DateTime<Utc>, exact: bool) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut clock = begun;
    for one in recorded {
        let (act, until) = match &one.input {
            Input::Message { content: Content::Text { text }, .. } => (Some(Act::Say(text.clone())), one.now),
            Input::Message { content, .. } => (Some(Act::Send(content.clone())), one.now),
            Input::Postback { payload, .. } => (Some(Act::Tap(payload.clone())), one.now),
            Input::Opened { payload, .. } => (Some(Act::Open(payload.clone())), one.now),
            Input::Event { name, data, .. } => {
                (Some(Act::Event { name: name.clone(), data: data.clone() }), one.now)
            }
            Input::Timeout { due, .. } => (None, *due),
            Input::Answer { .. } => continue,
        };
        let gone = seconds(until - clock);
        if gone > 0 && (exact || act.is_none()) {
            acts.push(Act::Wait(format!("{gone}s")));
            clock += TimeDelta::seconds(gone);
        }
        acts.extend(act);
    }
    acts
}

/// Whole seconds, a begun one included.
fn seconds(time: TimeDelta) -> i64 {
    time.num_seconds() + i64::from(time.subsec_nanos() > 0)
}
