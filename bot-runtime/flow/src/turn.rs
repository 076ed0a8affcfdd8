//! One step: from an input, node to node, until the flow waits or ends.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use botbuilder_domain::Content;

use crate::{
    bot::{Bot, KeywordMatch},
    expression::{Budget, EvalError, Expression, Facts, Moment, Scope, Value},
    flow::{Flow, Node, NodeId},
    input::Input,
    nodes::Waiting,
    session::{Session, Wait, variable_bytes, variables_bytes},
    sprint::{Effect, Event, Limit, Next, Reason, Sprint},
    template::{Template, cut, value_of},
};

/// Nodes that the path behind an `error` port may still enter once the turn's steps are used up.
const STEPS_AFTER_LIMIT: u32 = 10;
/// What expressions on that path may still cost once the turn's budget is used up.
const COST_AFTER_LIMIT: u64 = 20_000;

/// Makes one step. Same arguments, same result.
///
/// A conversation that has not begun, or has ended, starts; one that waits goes on from where it waits.
#[expect(clippy::needless_pass_by_value, reason = "an input is used up by its step")]
pub fn step(bot: &Bot, session: Session, input: Input, now: DateTime<Utc>) -> Sprint {
    let mut turn = Turn::new(bot, session, &input, now);
    turn.take(&input);
    turn.into_sprint()
}

/// Where a node sends the conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move<'n> {
    /// Out by a port.
    Leave(&'n str),
    /// To a node.
    Jump(&'n NodeId),
    /// To wait for the person.
    Wait {
        /// For how long.
        seconds: Option<u32>,
        /// How many answers did not fit so far.
        retries: u32,
    },
    /// To the end.
    Finish,
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
    session: Session,
    facts: Facts,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
    events: Vec<Event>,
    /// The node at work.
    at: usize,
    /// Answers that did not fit, at the node at work.
    retries: u32,
    /// Nodes that may still be entered.
    steps_left: u32,
    budget: Budget,
    /// What the session's variables take, in bytes of JSON.
    variables_bytes: usize,
    /// Whether an `error` port was taken. It is taken once in a turn.
    failed: bool,
}

impl<'a> Turn<'a> {
    fn new(bot: &'a Bot, session: Session, input: &Input, now: DateTime<Utc>) -> Self {
        Self {
            bot,
            variables_bytes: variables_bytes(&session.variables),
            session,
            facts: input.facts(bot.limits.text_bytes),
            now,
            effects: Vec::new(),
            events: Vec::new(),
            at: bot.flow.start,
            retries: 0,
            steps_left: bot.limits.steps,
            budget: Budget::new(bot.limits.cost),
            failed: false,
        }
    }

    fn into_sprint(self) -> Sprint {
        let next = match self.session.wait {
            Some(wait) => Next::Wait { until: wait.until },
            None => Next::Done,
        };
        Sprint { session: self.session, effects: self.effects, events: self.events, next }
    }

    fn take(&mut self, input: &Input) {
        if let Input::Timeout { due, .. } = input {
            return self.take_timeout(*due);
        }
        self.session.sprints += 1;
        let waiting = self.waiting_node();
        if self.answer_keyword(input, waiting) {
            return;
        }
        let Some((at, wait)) = waiting else { return self.start() };
        match input {
            Input::Opened { .. } => self.start(),
            Input::Message { .. } | Input::Postback { .. } | Input::Timeout { .. } => {
                self.resume(at, wait, input);
            }
        }
    }

    /// A timer that was set for an earlier wait is due before the present one, and changes nothing.
    fn take_timeout(&mut self, due: DateTime<Utc>) {
        match self.waiting_node() {
            Some((at, Wait { until: Some(until), .. })) if until <= due => {
                self.session.sprints += 1;
                self.session.wait = None;
                self.event(Event::TimedOut { node: self.flow().nodes[at].id.clone() });
                let next = self.follow(at, Ok(Move::Leave("timeout")));
                self.run_on(next);
            }
            _ => self.event(Event::Ignored),
        }
    }

    /// The node the session waits at, if this flow has it and it waits.
    fn waiting_node(&mut self) -> Option<(usize, Wait)> {
        let wait = self.session.wait?;
        let id = self.session.node.clone()?;
        let found = self.flow().find(id.as_str()).filter(|at| self.flow().nodes[*at].kind.waits());
        if found.is_none() {
            self.event(Event::Error { node: id, reason: Reason::MissingNode });
            self.session.wait = None;
        }
        found.map(|at| (at, wait))
    }

    /// Answers a keyword. What a node offers by that name, and free text it asked for, go before.
    fn answer_keyword(&mut self, input: &Input, waiting: Option<(usize, Wait)>) -> bool {
        if !matches!(input, Input::Message { .. }) || self.bot.settings.keywords.is_empty() {
            return false;
        }
        let Some(text) = input.answer().map(str::to_lowercase) else { return false };
        let node = waiting.and_then(|(at, _)| self.flow().nodes[at].kind.behaviour().waiting());
        if node.is_some_and(|node| node.offers(input)) {
            return false;
        }
        let asked = node.is_some_and(Waiting::takes_free_text);
        let found = self.bot.settings.keywords.iter().position(|keyword| {
            keyword.words.iter().map(|word| word.trim().to_lowercase()).any(|word| match keyword.matches {
                KeywordMatch::Exact => text == word,
                KeywordMatch::Contains => !asked && !word.is_empty() && text.contains(&word),
            })
        });
        let Some(keyword) = found else { return false };
        self.event(Event::KeywordMatched { keyword });
        self.effects.push(Effect::Reply(self.bot.settings.keywords[keyword].reply.clone()));
        true
    }

    fn start(&mut self) {
        self.session.variables.clear();
        self.variables_bytes = 0;
        self.session.wait = None;
        self.session.ended = false;
        self.event(Event::Started { version: self.bot.version });
        self.run(self.flow().start);
    }

    fn resume(&mut self, at: usize, wait: Wait, input: &Input) {
        self.session.wait = None;
        self.at = at;
        self.retries = wait.retries;
        let Some(node) = self.flow().nodes[at].kind.behaviour().waiting() else { return self.start() };
        let outcome = node.resume(self, input);
        let next = self.follow(at, outcome);
        self.run_on(next);
    }

    fn run_on(&mut self, next: Option<usize>) {
        match next {
            Some(at) => self.run(at),
            None => self.session.version = Some(self.bot.version),
        }
    }

    /// Enters nodes until one waits or the flow ends.
    fn run(&mut self, at: usize) {
        self.session.version = Some(self.bot.version);
        let mut next = Some(at);
        while let Some(at) = next {
            self.at = at;
            self.retries = 0;
            let node = &self.flow().nodes[at];
            self.session.node = Some(node.id.clone());
            let Some(left) = self.steps_left.checked_sub(1) else {
                next = self.fail(at, Failure::Limit(Limit::Steps));
                continue;
            };
            self.steps_left = left;
            self.event(Event::NodeEntered { node: node.id.clone() });
            let outcome = node.kind.behaviour().enter(self);
            next = self.follow(at, outcome);
        }
    }

    /// The node that comes next; none when the flow waits or has ended.
    fn follow(&mut self, at: usize, outcome: Result<Move<'_>, Failure>) -> Option<usize> {
        let flow = self.flow();
        let target = match outcome {
            Ok(Move::Leave(port)) => match flow.nodes[at].exit(port) {
                Some(target) => Ok(target),
                // A chain of messages needs no `end` behind it.
                None if port == "next" => return self.finish(),
                None => Err(Failure::Error(Reason::OpenPort)),
            },
            Ok(Move::Jump(id)) => flow.find(id.as_str()).ok_or(Failure::Error(Reason::MissingNode)),
            Ok(Move::Wait { seconds, retries }) => {
                self.session.wait =
                    Some(Wait { until: seconds.and_then(|seconds| self.after(seconds)), retries });
                return None;
            }
            Ok(Move::Finish) => return self.finish(),
            Err(failure) => Err(failure),
        };
        match target {
            Ok(target) => Some(target),
            Err(failure) => self.fail(at, failure),
        }
    }

    /// The instant so many seconds from now, in whole milliseconds: a database keeps no nanoseconds, and a
    /// timer must come back as the instant it was set for.
    fn after(&self, seconds: u32) -> Option<DateTime<Utc>> {
        self.now.checked_add_signed(TimeDelta::seconds(seconds.into())).map(|until| until.trunc_subsecs(3))
    }

    fn finish(&mut self) -> Option<usize> {
        self.session.ended = true;
        self.session.wait = None;
        self.event(Event::Ended);
        None
    }

    /// Takes the `error` port, the first time it is needed in a turn; else sends the fallback and ends.
    fn fail(&mut self, at: usize, failure: Failure) -> Option<usize> {
        let node = &self.flow().nodes[at];
        self.event(match failure {
            Failure::Limit(limit) => Event::LimitReached { node: node.id.clone(), limit },
            Failure::Error(reason) => Event::Error { node: node.id.clone(), reason },
        });
        if let Some(target) = node.exit("error").filter(|_| !self.failed) {
            self.failed = true;
            if self.steps_left == 0 {
                self.steps_left = STEPS_AFTER_LIMIT;
            }
            if self.budget.is_spent() {
                self.budget = Budget::new(COST_AFTER_LIMIT);
            }
            return Some(target);
        }
        self.effects.push(Effect::Reply(self.bot.settings.fallback.clone()));
        self.finish()
    }
}

/// What nodes use.
impl<'a> Turn<'a> {
    pub(crate) fn flow(&self) -> &'a Flow {
        &self.bot.flow
    }

    /// The node at work.
    pub(crate) fn node(&self) -> &'a Node {
        &self.flow().nodes[self.at]
    }

    /// Answers that did not fit so far, at the node at work.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn reply(&mut self, content: Content) -> Result<(), Failure> {
        if self.effects.len() >= usize::try_from(self.bot.limits.messages).unwrap_or(usize::MAX) {
            return Err(Failure::Limit(Limit::Messages));
        }
        self.effects.push(Effect::Reply(content));
        Ok(())
    }

    pub(crate) fn render(&mut self, template: &Template) -> Result<String, Failure> {
        let scope = scope(self.bot, &self.session, &self.facts, self.now);
        Ok(template.render(&scope, self.bot.limits.text_bytes, &mut self.budget)?)
    }

    pub(crate) fn value(&mut self, template: &Template) -> Result<Value, Failure> {
        let scope = scope(self.bot, &self.session, &self.facts, self.now);
        Ok(value_of(template, &scope, self.bot.limits.value_bytes, &mut self.budget)?)
    }

    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Value, Failure> {
        let scope = scope(self.bot, &self.session, &self.facts, self.now);
        Ok(expression.evaluate(&scope, &mut self.budget)?)
    }

    /// Sets a variable. A text that is too long is cut.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<(), Failure> {
        let flow = self.flow();
        // A draft may use a variable that it does not declare; it holds a text.
        let declared = flow.variables.get_key_value(name);
        let kind = declared.map(|(_, kind)| *kind).unwrap_or_default();
        let value = match kind.hold(value).ok_or(Failure::Error(Reason::WrongType))? {
            Value::Text(text) if text.len() > self.bot.limits.value_bytes => {
                Value::text(cut(&text, self.bot.limits.value_bytes))
            }
            value => value,
        };
        let name = declared.map_or_else(|| name.into(), |(name, _)| name.clone());
        let before = self.session.variables.get(&name).map_or(0, |before| variable_bytes(&name, before));
        let bytes = self.variables_bytes - before + variable_bytes(&name, &value);
        if bytes > self.bot.limits.variables_bytes {
            return Err(Failure::Limit(Limit::Variables));
        }
        self.variables_bytes = bytes;
        self.session.variables.insert(std::sync::Arc::clone(&name), value);
        self.event(Event::VariableSet { name: name.to_string() });
        Ok(())
    }
}

fn scope<'s>(bot: &'s Bot, session: &'s Session, facts: &'s Facts, now: DateTime<Utc>) -> Scope<'s> {
    let hours = bot.settings.hours.as_ref();
    let zone = bot.flow.zone().or(hours.map(|hours| hours.time_zone)).unwrap_or_default();
    let moment = Moment { now, zone, hours };
    Scope { variables: &session.variables, defaults: &bot.flow.defaults, facts, moment }
}
