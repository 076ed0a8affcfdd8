//! Conversations with a draft, outside of any channel: nothing is sent, nobody is asked, and the clock goes as it is told.
//!
//! What services and models would say is given beforehand ([`Given`]); a question for which nothing was given is answered
//! by `not_available`, and named. [`cases`] are the tests that authors write, [`recorded`] makes one of a conversation.

pub mod cases;
pub mod recorded;

use std::sync::Arc;

use botbuilder_domain::Content;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    bot::Bot,
    expression::Value,
    input::{Context, Input},
    question::{Answer, AskFailure, Question, Usage},
    session::Session,
    sprint::{Effect, Event, Next, Sprint},
    turn::step,
};

/// Most steps that the engine makes for one act: answers and timers included.
const SPRINTS_MAX: usize = 1_000;
/// Most options that a person still sees.
const OFFERED_MAX: usize = 200;

/// What the world says when it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// To the questions of this node; to any question where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What it says.
    pub answer: Answer,
}

/// What a person, the world or time does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The person writes.
    Say(String),
    /// The person taps an option that was offered, by its id or title; the last of that name.
    Tap(String),
    /// The person sends something.
    Send(Content),
    /// Time goes by: `90s`, `5m`, `2h`, `1d`. What is due happens in its order.
    Wait(String),
    /// Something happens outside.
    Event {
        /// What.
        name: String,
        /// What is known about it.
        #[serde(default)]
        data: Value,
    },
    /// The person opens the conversation, by a link that carries this.
    Open(Option<String>),
}

/// What came of an act.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// When it was over.
    pub at: DateTime<Utc>,
    /// What the bot said.
    pub said: Vec<Content>,
    /// What else it would have done.
    pub effects: Vec<Effect>,
    /// The nodes that were entered.
    pub path: Vec<String>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What was asked outside.
    pub asked: Vec<Asked>,
    /// What the variables hold.
    pub variables: Value,
    /// Whether the flow has ended.
    pub ended: bool,
    /// What models took.
    pub usage: Usage,
}

/// A question, and whether an answer to it was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// The node that asked.
    pub node: String,
    /// The question.
    pub question: Question,
    /// Whether there was an answer.
    pub answered: bool,
}

/// Why an act cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The option to be tapped is not there.
    #[error("nothing that was said offers `{0}`")]
    NotOffered(String),
    /// The time that is to go by cannot be read.
    #[error("`{0}` is no time such as 90s, 5m, 2h or 1d")]
    NoTime(String),
    /// The conversation never comes to rest.
    #[error("the conversation does not come to rest")]
    Restless,
}

/// A conversation that is played.
#[derive(Debug)]
pub struct Simulation {
    bot: Bot,
    context: Context,
    given: Vec<(Given, bool)>,
    now: DateTime<Utc>,
    session: Session,
    offered: Vec<(String, String)>,
}

impl Simulation {
    /// A conversation that has not begun.
    pub fn new(bot: Bot, context: Context, given: Vec<Given>, now: DateTime<Utc>) -> Self {
        let given = given.into_iter().map(|given| (given, false)).collect();
        Self { bot, context, given, now, session: Session::default(), offered: Vec::new() }
    }

    /// Where the conversation stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Does one thing, and everything that follows from it until the conversation rests.
    pub fn act(&mut self, act: &Act) -> Result<Outcome, Error> {
        let context = self.context.clone();
        let mut outcome = Outcome::default();
        match act {
            Act::Wait(time) => {
                let until = self.now + duration(time).ok_or_else(|| Error::NoTime(time.clone()))?;
                self.pass(until, &mut outcome)?;
            }
            Act::Say(text) => {
                self.take(Input::Message { content: Content::text(text), context }, &mut outcome)?;
            }
            Act::Send(content) => {
                self.take(Input::Message { content: content.clone(), context }, &mut outcome)?;
            }
            Act::Tap(option) => {
                let found = self.offered.iter().find(|(id, title)| id == option || title == option);
                let (id, title) = found.cloned().ok_or_else(|| Error::NotOffered(option.clone()))?;
                self.take(Input::Postback { payload: id, title: Some(title), context }, &mut outcome)?;
            }
            Act::Event { name, data } => {
                let (name, data) = (name.clone(), data.clone());
                self.take(Input::Event { name, data, context }, &mut outcome)?;
            }
            Act::Open(payload) => {
                self.take(Input::Opened { payload: payload.clone(), context }, &mut outcome)?;
            }
        }
        outcome.at = self.now;
        outcome.variables = Value::Object(Arc::new(self.session.variables().clone()));
        outcome.ended = self.session.has_ended();
        Ok(outcome)
    }

    /// Lets time go by, timer after timer.
    fn pass(&mut self, until: DateTime<Utc>, outcome: &mut Outcome) -> Result<(), Error> {
        for _ in 0..SPRINTS_MAX {
            let Some(due) =
                self.session.next_timer().filter(|due| *due <= until && !self.session.has_ended())
            else {
                self.now = until;
                return Ok(());
            };
            self.now = self.now.max(due);
            self.take(Input::Timeout { due, context: self.context.clone() }, outcome)?;
        }
        Err(Error::Restless)
    }

    /// Makes a step, and those with the answers that it asks for.
    fn take(&mut self, input: Input, outcome: &mut Outcome) -> Result<(), Error> {
        let mut next = Some(input);
        for _ in 0..SPRINTS_MAX {
            let Some(input) = next.take() else { return Ok(()) };
            let bot = self.bot.running(&self.session);
            let sprint = step(&bot, std::mem::take(&mut self.session), input, self.now);
            next = self.keep(sprint, outcome);
        }
        Err(Error::Restless)
    }

    fn keep(&mut self, sprint: Sprint, outcome: &mut Outcome) -> Option<Input> {
        self.session = sprint.session;
        for effect in sprint.effects {
            match effect {
                Effect::Reply(content) => {
                    if let Content::Choice(choice) = &content {
                        let options = choice.options.iter();
                        let offered: Vec<_> =
                            options.map(|option| (option.id.clone(), option.title.clone())).collect();
                        // What was offered before can still be tapped; what came last is found first.
                        self.offered.retain(|known| !offered.contains(known));
                        self.offered.splice(..0, offered);
                        self.offered.truncate(OFFERED_MAX);
                    }
                    outcome.said.push(content);
                }
                other => outcome.effects.push(other),
            }
        }
        for event in &sprint.events {
            if let Event::NodeEntered { node } = event {
                outcome.path.push(node.to_string());
            }
        }
        outcome.events.extend(sprint.events);
        let Next::Ask { question, .. } = sprint.next else { return None };
        let node = self.session.node().map(ToString::to_string).unwrap_or_default();
        let given = self.answer(&node);
        if let Some(Answer::Said { usage, .. }) = &given {
            outcome.usage.tokens += usage.tokens;
            outcome.usage.micros += usage.micros;
        }
        let input = Input::Answer {
            question: question.id,
            answer: given.clone().unwrap_or(Answer::Failed { failure: AskFailure::NotAvailable }),
            context: self.context.clone(),
        };
        outcome.asked.push(Asked { node, question, answered: given.is_some() });
        Some(input)
    }

    /// The next answer that was given for this node; the last one again where all were used.
    fn answer(&mut self, node: &str) -> Option<Answer> {
        let fits = |given: &Given| given.node.as_deref().is_none_or(|own| own == node);
        let fresh = self.given.iter().position(|(given, used)| !used && fits(given));
        let found = fresh.or_else(|| self.given.iter().rposition(|(given, _)| fits(given)))?;
        let (given, used) = &mut self.given[found];
        *used = true;
        Some(given.answer.clone())
    }
}

/// `90s`, `5m`, `2h`, `1d`.
fn duration(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.trim().split_at_checked(text.trim().len().checked_sub(1)?)?;
    let number: i64 = number.trim().parse::<u32>().ok()?.into();
    match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number).filter(|time| time.num_days() <= 3_650),
        _ => None,
    }
}
