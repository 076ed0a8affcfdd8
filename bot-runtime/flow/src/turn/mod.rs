//! One step: from an input, node to node, until the flow waits, asks or ends.
//!
//! [`take`] decides what an input means for the conversation, [`run`] goes from node to node; here is what both, and the
//! nodes, work with.

mod hop;
mod run;
mod say;
mod shown;
mod take;

use std::sync::Arc;

use botbuilder_domain::{Content, VersionId};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::{
    Event,
    bot::{Bot, Settings},
    expression::{Budget, EvalError, Expression, Facts, Moment, Scope, Value},
    flow::{Flow, Node, NodeId},
    input::Input,
    nodes::Patience,
    question::{Ask, Question, Usage},
    session::{Session, Spent, Variables, value_bytes, variable_bytes},
    sprint::{Effect, Limit, Next, Reason, Sprint},
    template::{Template, cut, value_of},
};

/// Nodes that the path behind an `error` port may still enter once the turn's steps are used up.
const STEPS_AFTER_LIMIT: u32 = 10;
/// What expressions on that path may still cost once the turn's budget is used up.
const COST_AFTER_LIMIT: u64 = 20_000;
/// How long after the time of a question its answer is still waited for: it has a way to go.
const ANSWER_GRACE: TimeDelta = TimeDelta::seconds(30);

/// Makes one step. Same arguments, same result.
///
/// A conversation that has not begun, or has ended, starts; one that waits goes on from where it waits.
pub fn step(bot: &Bot, session: Session, input: Input, now: DateTime<Utc>) -> Sprint {
    let mut turn = Turn::new(bot, session, now);
    turn.take(input);
    turn.into_sprint()
}

/// Where a node sends the conversation.
#[derive(Debug)]
pub(crate) enum Move<'n> {
    /// Out by a port.
    Leave(&'n str),
    /// To the flow that an intent names; out by this port where it names none that can be entered.
    Intent(String, &'n str),
    /// To a node.
    Jump(&'n NodeId),
    /// To wait for the person.
    Wait {
        /// How long, and what is said meanwhile.
        patience: Patience<'n>,
        /// How many answers did not fit so far.
        retries: u32,
    },
    /// To wait for an instant, or for an event until then.
    Pause(Option<DateTime<Utc>>),
    /// To wait for an answer from outside, for so many seconds.
    Ask(Ask, u32),
    /// Into another flow, with these of its variables set.
    Call { version: VersionId, variables: Variables },
    /// To the end of the flow: back to the one that called it, if one did.
    Finish,
    /// To the end of the conversation.
    End,
}

/// Why a node could not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Limit(Limit),
    Error(Reason),
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Kinds { .. } => Self::Error(Reason::Kinds),
            EvalError::NotFinite => Self::Error(Reason::NotFinite),
            EvalError::TooLarge => Self::Error(Reason::TooLarge),
            EvalError::Budget => Self::Limit(Limit::Cost),
        }
    }
}

/// A step being made. Nodes work on it.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    bot: &'a Bot,
    /// The flow at work.
    flow: &'a Flow,
    /// The flow that the conversation is in, or that called the one at work.
    home: &'a Flow,
    home_version: VersionId,
    /// By what an orchestration knows it.
    home_id: Option<&'a str>,
    /// Whether it was asked what the input means.
    is_routed: bool,
    session: Session,
    facts: Facts,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
    events: Vec<Event>,
    /// What is to be asked.
    question: Option<Question>,
    /// The node at work.
    at: usize,
    /// Answers that did not fit, at the node at work.
    retries: u32,
    /// What the turn had used up before this step, and what this step adds to it.
    spent: Spent,
    budget: Budget,
    /// What the session's variables take, in bytes of JSON.
    variables_bytes: usize,
}

impl<'a> Turn<'a> {
    fn new(bot: &'a Bot, session: Session, now: DateTime<Utc>) -> Self {
        let since = now.trunc_subsecs(3);
        Self {
            bot,
            flow: &bot.flow,
            home: &bot.flow,
            home_version: bot.version,
            home_id: bot.flow_id.as_deref(),
            is_routed: false,
            variables_bytes: session.variables_bytes(),
            session,
            facts: Facts::default(),
            now,
            effects: Vec::new(),
            events: Vec::new(),
            question: None,
            at: bot.flow.start,
            retries: 0,
            spent: Spent {
                since,
                steps: 0,
                messages: 0,
                asks: 0,
                tokens: 0,
                micros: 0,
                cost: 0,
                failed: false,
                hops: 0,
            },
            budget: Budget::new(bot.limits.cost),
        }
    }

    fn into_sprint(self) -> Sprint {
        let next = match (self.question, &self.session.pending) {
            (Some(question), Some(pending)) => Next::Ask { question, until: pending.until },
            _ if self.session.is_waiting() => Next::Wait { until: self.session.next_timer() },
            _ => Next::Done,
        };
        Sprint { session: self.session, effects: self.effects, events: self.events, next }
    }
}

/// What nodes use.
impl<'a> Turn<'a> {
    /// The bot.
    pub(crate) fn bot(&self) -> &'a Bot {
        self.bot
    }

    /// The bot's texts and settings.
    pub(crate) fn settings(&self) -> &'a Settings {
        &self.bot.settings
    }

    /// The node at work.
    pub(crate) fn node(&self) -> &'a Node {
        &self.flow.nodes[self.at]
    }

    /// Answers that did not fit so far, at the node at work.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    /// Who writes, and what.
    pub(crate) fn facts(&mut self) -> &mut Facts {
        &mut self.facts
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The flow's clock.
    pub(crate) fn moment(&self) -> Moment<'a> {
        moment(self.bot, self.flow, self.now)
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Says something to the person.
    pub(crate) fn reply(&mut self, content: Content) -> Result<(), Failure> {
        self.effect(Effect::Reply(content))
    }

    /// Has something done. Every effect counts as a message.
    pub(crate) fn effect(&mut self, effect: Effect) -> Result<(), Failure> {
        if self.spent.messages >= self.bot.limits.messages {
            return Err(Failure::Limit(Limit::Messages));
        }
        self.spent.messages += 1;
        self.effects.push(effect);
        Ok(())
    }

    /// Has something noted that nobody sees and that costs nothing.
    pub(crate) fn note(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Takes what an answer took from the turn's budget.
    pub(crate) fn spend(&mut self, usage: Usage) -> Result<(), Failure> {
        self.spent.tokens = self.spent.tokens.saturating_add(usage.tokens);
        self.spent.micros = self.spent.micros.saturating_add(usage.micros);
        if self.spent.tokens > self.bot.limits.tokens {
            return Err(Failure::Limit(Limit::Tokens));
        }
        if self.spent.micros > self.bot.limits.micros {
            return Err(Failure::Limit(Limit::Money));
        }
        Ok(())
    }

    pub(crate) fn render(&mut self, template: &Template) -> Result<String, Failure> {
        let scope = scope(self.bot, self.flow, &self.session, &self.facts, self.now);
        Ok(template.render(&scope, self.bot.limits.text_bytes, &mut self.budget)?)
    }

    /// As a web address: what is filled in behind its beginning is escaped.
    pub(crate) fn render_url(&mut self, template: &Template) -> Result<String, Failure> {
        let scope = scope(self.bot, self.flow, &self.session, &self.facts, self.now);
        Ok(template.render_url(&scope, self.bot.limits.text_bytes, &mut self.budget)?)
    }

    pub(crate) fn value(&mut self, template: &Template) -> Result<Value, Failure> {
        let scope = scope(self.bot, self.flow, &self.session, &self.facts, self.now);
        Ok(value_of(template, &scope, self.bot.limits.value_bytes, &mut self.budget)?)
    }

    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Value, Failure> {
        let scope = scope(self.bot, self.flow, &self.session, &self.facts, self.now);
        Ok(expression.evaluate(&scope, &mut self.budget)?)
    }

    /// Sets a variable. A text that is too long is cut; a list or an object that is too large is refused.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<(), Failure> {
        let (name, value) = held(self.flow, name, value, self.bot.limits.value_bytes)?;
        let before = self.session.variables.get(&name).map_or(0, |before| variable_bytes(&name, before));
        let bytes = self.variables_bytes - before + variable_bytes(&name, &value);
        if bytes > self.bot.limits.variables_bytes {
            return Err(Failure::Limit(Limit::Variables));
        }
        if self.session.frames.is_empty() {
            self.share(&name, &value)?;
        }
        self.variables_bytes = bytes;
        self.session.variables.insert(Arc::clone(&name), value);
        self.event(Event::VariableSet { name: name.to_string() });
        Ok(())
    }

    /// Whether a value breaks the rules of a variable that it would be set to.
    pub(crate) fn breaks_rules(&self, name: &str, value: &Value) -> bool {
        let held = held(self.flow, name, value.clone(), self.bot.limits.value_bytes);
        match held {
            Ok((_, value)) => self.session.frames.is_empty() && !self.may_share(name, &value),
            Err(failure) => failure == Failure::Error(Reason::Invalid),
        }
    }

    /// The instant so many seconds from now, in whole milliseconds: a database keeps no nanoseconds, and a
    /// timer must come back as the instant it was set for.
    pub(crate) fn after(&self, seconds: u32) -> Option<DateTime<Utc>> {
        self.now.checked_add_signed(TimeDelta::seconds(seconds.into())).map(|until| until.trunc_subsecs(3))
    }
}

/// The name and the value as a variable of the flow holds it.
pub(crate) fn held(flow: &Flow, name: &str, value: Value, most: usize) -> Result<(Arc<str>, Value), Failure> {
    // A draft may use a variable that it does not declare; it holds a text.
    let declared = flow.variables.get_key_value(name);
    let kind = declared.map(|(_, kind)| *kind).unwrap_or_default();
    let value = match kind.hold(value).ok_or(Failure::Error(Reason::WrongType))? {
        Value::Text(text) if text.len() > most => Value::text(cut(&text, most)),
        value @ (Value::List(_) | Value::Object(_)) if value_bytes(&value) > most => {
            return Err(Failure::Error(Reason::TooLarge));
        }
        value => value,
    };
    if flow.validations.get(name).is_some_and(|rules| !rules.is_kept_by(&value)) {
        return Err(Failure::Error(Reason::Invalid));
    }
    Ok((declared.map_or_else(|| name.into(), |(name, _)| Arc::clone(name)), value))
}

/// A text of at most so many bytes.
fn short(value: &Value, most: usize) -> Value {
    match value {
        Value::Text(text) if text.len() > most => Value::text(cut(text, most)),
        other => other.clone(),
    }
}

fn moment<'a>(bot: &'a Bot, flow: &Flow, now: DateTime<Utc>) -> Moment<'a> {
    let hours = bot.settings.hours.as_ref();
    let zone = flow.zone().or(hours.map(|hours| hours.time_zone)).unwrap_or_default();
    Moment { now, zone, hours }
}

fn scope<'s>(
    bot: &'s Bot,
    flow: &'s Flow,
    session: &'s Session,
    facts: &'s Facts,
    now: DateTime<Utc>,
) -> Scope<'s> {
    let moment = moment(bot, flow, now);
    Scope { variables: &session.variables, defaults: &flow.defaults, facts, moment }
}

/// A name for an event, cut to what fits a history.
pub(crate) fn name_of(text: &str) -> &str {
    cut(text, crate::definition::NAME_MAX)
}
