//! Recorded conversations, played again: by the version that made them they come out the same to the byte, by a draft the
//! differences are told.
//!
//! Both are played side by side. The draft is given the same words at the same instants; its own timers run, and its
//! questions are answered by what the world said then, as far as it was asked.

mod other;

use std::sync::Arc;

use botbuilder_domain::Content;
use chrono::{DateTime, Utc};
use serde::Serialize;

pub use crate::recording::{Digest, Part};
use crate::{
    bot::Bot,
    expression::Value,
    input::Input,
    question::{Answer, Usage},
    recording::digest_again,
    session::Session,
    sprint::{Effect, Event, Next, Sprint},
    turn::step,
};
use other::Other;

/// One step as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The instant of the step.
    pub now: DateTime<Utc>,
    /// What came in.
    pub input: Input,
    /// The session before it; none where it is what the step before left.
    pub before: Option<Box<Session>>,
    /// What came of it.
    pub digest: Digest,
}

/// What came of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Told {
    /// What was said.
    pub said: Vec<Content>,
    /// What else was done.
    pub effects: Vec<Effect>,
    /// The nodes that were entered.
    pub path: Vec<String>,
    /// The nodes that asked the world.
    pub asked: Vec<String>,
    /// What the variables hold.
    pub variables: Value,
    /// Whether the flow has ended.
    pub ended: bool,
}

/// What a conversation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Messages.
    pub messages: usize,
    /// Nodes that were entered.
    pub nodes: usize,
    /// Questions to the world.
    pub questions: usize,
    /// What models took.
    #[serde(flatten)]
    pub usage: Usage,
}

/// How a conversation was played again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Again {
    /// What came of each step; none where the session before it is not known.
    pub told: Vec<Option<Told>>,
    /// Steps that did not come out as they were recorded, and in what.
    pub strayed: Vec<(usize, Vec<Part>)>,
    /// What it took.
    pub cost: Cost,
}

/// How a conversation goes with another bot.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// As it was.
    pub before: Again,
    /// What comes of each step with the other bot.
    pub after: Vec<Option<Told>>,
    /// What it takes then.
    pub cost: Cost,
    /// Questions of the other bot for which there is no recorded answer.
    pub unanswered: usize,
}

/// A step that comes out otherwise. Only what differs is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The step, from 0.
    pub step: usize,
    /// What is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Change<Vec<Content>>>,
    /// What is done besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Change<Vec<Effect>>>,
    /// The nodes that are entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Change<Vec<String>>>,
    /// The nodes that ask the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Change<Vec<String>>>,
    /// What the variables hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Change<Value>>,
    /// Whether the flow has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Change<bool>>,
}

/// As it was, and as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change<T> {
    /// As it was.
    pub before: T,
    /// As it is.
    pub after: T,
}

impl Compared {
    /// The steps that come out otherwise.
    pub fn differences(&self) -> Vec<Difference> {
        let pairs = self.before.told.iter().zip(&self.after).enumerate();
        let both =
            pairs.filter_map(|(step, (before, after))| Some((step, before.as_ref()?, after.as_ref()?)));
        both.filter(|(_, before, after)| before != after)
            .map(|(step, before, after)| Difference {
                step,
                said: change(&before.said, &after.said),
                effects: change(&before.effects, &after.effects),
                path: change(&before.path, &after.path),
                asked: change(&before.asked, &after.asked),
                variables: change(&before.variables, &after.variables),
                ended: change(&before.ended, &after.ended),
            })
            .collect()
    }
}

fn change<T: Clone + PartialEq>(before: &T, after: &T) -> Option<Change<T>> {
    (before != after).then(|| Change { before: before.clone(), after: after.clone() })
}

/// Plays a conversation again. `bot` is the one that made a step, with the session before it: the flows that were called
/// are at work in it.
pub fn replay(recorded: &[Recorded], bot: impl FnMut(usize, &Session) -> Option<Arc<Bot>>) -> Again {
    play(recorded, bot, |_, _, _| {})
}

/// Plays a conversation again, beside it with another bot.
pub fn compare(
    recorded: &[Recorded],
    bot: impl FnMut(usize, &Session) -> Option<Arc<Bot>>,
    mut other: impl FnMut(usize, &Session) -> Option<Arc<Bot>>,
) -> Compared {
    let mut draft = Other::new(recorded);
    let before = play(recorded, bot, |number, before, known| {
        draft.take(number, before, known, &mut other);
    });
    Compared { before, after: draft.told, cost: draft.cost, unanswered: draft.unanswered }
}

/// Makes each step again. `beside` is told of each, with the session before it, and whether that is the one that the step
/// before left.
fn play(
    recorded: &[Recorded],
    mut bot: impl FnMut(usize, &Session) -> Option<Arc<Bot>>,
    mut beside: impl FnMut(usize, Option<&Session>, bool),
) -> Again {
    let mut again = Again::default();
    let mut left: Option<Session> = None;
    for (number, one) in recorded.iter().enumerate() {
        let follows = match (&left, &one.before) {
            (Some(_), None) => true,
            (Some(left), Some(kept)) => *left == **kept,
            (None, _) => false,
        };
        let before = match &one.before {
            Some(kept) => Some((**kept).clone()),
            None => left.take(),
        };
        beside(number, before.as_ref(), follows);
        let made_by = before.as_ref().and_then(|before| bot(number, before));
        let (Some(before), Some(bot)) = (before, made_by) else {
            again.told.push(None);
            left = None;
            continue;
        };
        let sprint = step(&bot, before.clone(), one.input.clone(), one.now);
        let parts = one.digest.differences(&digest_again(&bot, &before, &sprint));
        if !parts.is_empty() {
            again.strayed.push((number, parts));
        }
        let mut told = Told::default();
        again.cost.add(used(&one.input), &sprint);
        left = Some(stored(told.take(sprint)));
        again.told.push(Some(told));
    }
    again
}

/// A session as it is read between two steps.
fn stored(session: Session) -> Session {
    let text = serde_json::to_vec(&session).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(session)
}

impl Told {
    /// Adds what came of a step; the session it left.
    fn take(&mut self, sprint: Sprint) -> Session {
        for effect in sprint.effects {
            match effect {
                Effect::Reply(content) => self.said.push(content),
                other => self.effects.push(other),
            }
        }
        for event in sprint.events {
            match event {
                Event::NodeEntered { node } => self.path.push(node.to_string()),
                Event::Asked { node, .. } => self.asked.push(node.to_string()),
                _ => {}
            }
        }
        self.variables = Value::Object(Arc::new(sprint.session.variables().clone()));
        self.ended = sprint.session.has_ended();
        sprint.session
    }
}

impl Cost {
    fn add(&mut self, usage: Usage, sprint: &Sprint) {
        self.messages += sprint.effects.iter().filter(|effect| matches!(effect, Effect::Reply(_))).count();
        let entered = sprint.events.iter().filter(|event| matches!(event, Event::NodeEntered { .. }));
        self.nodes += entered.count();
        self.questions += usize::from(matches!(sprint.next, Next::Ask { .. }));
        self.usage.tokens += usage.tokens;
        self.usage.micros += usage.micros;
    }
}

/// What an answer took.
fn used(input: &Input) -> Usage {
    match input {
        Input::Answer { answer: Answer::Said { usage, .. }, .. } => *usage,
        _ => Usage::default(),
    }
}
