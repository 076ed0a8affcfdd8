//! What an input means for the conversation.

use chrono::{DateTime, Utc};

use super::{Failure, Move, Turn, name_of, short};
use crate::{
    expression::Budget,
    flow::NodeId,
    input::Input,
    nodes::{Role, Waiting, While},
    question::{Answer, AskFailure},
    session::{DueReminder, Pending, Spent, Wait},
    sprint::{Effect, Event, Limit, Reason},
};

/// What happened to an input.
enum Taken {
    /// It made its turn.
    Done,
    /// It waits for its turn.
    Kept,
}

impl<'a> Turn<'a> {
    /// Takes an input, and then those that waited for their turn, as long as somebody takes them.
    pub(super) fn take(&mut self, input: Input) {
        self.find_flow();
        match input {
            Input::Timeout { due, .. } => {
                self.look(&input);
                self.take_timeout(due);
            }
            Input::Answer { question, ref answer, .. } => {
                self.look(&input);
                self.take_answer(question, answer);
            }
            input @ (Input::Message { .. }
            | Input::Postback { .. }
            | Input::Opened { .. }
            | Input::Event { .. }) => {
                self.session.sprints += 1;
                if let Taken::Kept = self.take_message(&input) {
                    self.keep(input);
                    return;
                }
            }
        }
        self.leave_by_condition();
        while !self.session.kept.is_empty() && self.takes_messages() {
            let input = self.session.kept.remove(0);
            self.is_routed = false;
            // A kept input cannot be kept again: it was looked at whether somebody takes it.
            let _ = self.take_message(&input);
            self.leave_by_condition();
        }
        self.forget_turn();
    }

    /// What the input tells, for expressions.
    fn look(&mut self, input: &Input) {
        self.facts = input.facts(self.bot.limits.text_bytes);
        self.facts.bot = self.bot.settings.constants.clone();
    }

    fn keep(&mut self, input: Input) {
        if self.session.can_keep(&input) {
            self.session.kept.push(input);
            self.event(Event::Kept);
        } else {
            // The runtime asks beforehand, and hands over later what has no room.
            self.event(Event::Ignored);
        }
    }

    /// Whether a message would have its turn now.
    fn takes_messages(&mut self) -> bool {
        if self.session.pending.is_some() {
            return false;
        }
        let Some((at, _)) = self.waiting_node() else { return true };
        match self.flow.nodes[at].kind.behaviour().role() {
            Role::Pauses(node) => {
                node.meanwhile() != While::Keep || self.flow.nodes[at].has_own_exit("interrupted")
            }
            Role::Passes | Role::Waits(_) | Role::Asks(_) | Role::Clarifies(..) | Role::Calls(_) => true,
        }
    }

    /// Something that a person wrote, chose or opened, or that happened outside.
    fn take_message(&mut self, input: &Input) -> Taken {
        if self.session.pending.is_some() {
            return Taken::Kept;
        }
        self.look(input);
        let waiting = self.waiting_node();
        if let Input::Event { name, .. } = input {
            self.take_event(name, waiting);
            return Taken::Done;
        }
        let node = self.waits_by(waiting);
        if !node.is_some_and(|node| node.offers(self, input)) {
            let asked_for_text = node.is_some_and(Waiting::takes_free_text);
            if self.leave_by_keyword(input, asked_for_text) || self.answer_keyword(input, asked_for_text) {
                return Taken::Done;
            }
            if !self.is_routed && self.ask_for_intent(input) {
                return Taken::Done;
            }
        }
        let Some((at, wait)) = waiting else {
            self.start();
            return Taken::Done;
        };
        if matches!(input, Input::Opened { .. }) {
            self.start();
            return Taken::Done;
        }
        match self.flow.nodes[at].kind.behaviour().role() {
            Role::Waits(node) | Role::Clarifies(_, node) => self.resume(at, wait, node, input),
            Role::Pauses(_) if self.flow.nodes[at].has_own_exit("interrupted") => {
                self.session.wait = None;
                let next = self.follow(at, Ok(Move::Leave("interrupted")));
                self.run_on(next);
            }
            Role::Pauses(node) => match node.meanwhile() {
                While::Keep => return Taken::Kept,
                While::Ignore => self.event(Event::Ignored),
            },
            Role::Passes | Role::Asks(_) | Role::Calls(_) => self.start(),
        }
        Taken::Done
    }

    fn take_event(&mut self, name: &str, waiting: Option<(usize, Wait)>) {
        let pausing = waiting.and_then(|(at, _)| match self.flow.nodes[at].kind.behaviour().role() {
            Role::Pauses(node) => Some((at, node)),
            Role::Passes | Role::Waits(_) | Role::Asks(_) | Role::Clarifies(..) | Role::Calls(_) => None,
        });
        let outcome = pausing.and_then(|(at, node)| {
            self.at = at;
            node.happened(self, name)
        });
        let at = self.at;
        match outcome {
            None if self.leave_by_event(name) => {}
            None => self.event(Event::Ignored),
            Some(outcome) => {
                self.session.wait = None;
                let id = self.flow.nodes[at].id.clone();
                self.event(Event::Happened { node: id, name: name_of(name).to_owned() });
                let next = self.follow(at, outcome);
                self.run_on(next);
            }
        }
    }

    /// Fires what is due. A timer that was set for an earlier wait is due before the present ones, and changes
    /// nothing.
    fn take_timeout(&mut self, due: DateTime<Utc>) {
        if let Some(pending) = self.session.pending.as_ref() {
            if pending.until > due {
                return self.event(Event::Ignored);
            }
            let question = pending.question;
            let answer = Answer::Failed { failure: AskFailure::TimedOut };
            return self.take_answer(question, &answer);
        }
        let Some((at, wait)) = self.waiting_node() else { return self.event(Event::Ignored) };
        let is_due = |at: Option<DateTime<Utc>>| at.filter(|at| *at <= due);
        // What the node waits for goes before what the orchestration makes of silence.
        if is_due(wait.silence).is_some() && is_due(wait.until).is_none() && is_due(wait.expires).is_none() {
            self.session.sprints += 1;
            self.at = at;
            self.session.wait = Some(Wait { silence: None, ..wait });
            self.event(Event::TimedOut { node: self.flow.nodes[at].id.clone() });
            return self.leave_in_silence();
        }
        let node = self.flow.nodes[at].id.clone();
        match (is_due(wait.until), is_due(wait.expires)) {
            (Some(until), expires) if expires.is_none_or(|expires| until <= expires) => {
                self.session.sprints += 1;
                self.session.wait = None;
                let port = match self.flow.nodes[at].kind.behaviour().role() {
                    Role::Pauses(node) => node.over(),
                    Role::Passes | Role::Waits(_) | Role::Asks(_) | Role::Clarifies(..) | Role::Calls(_) => {
                        "timeout"
                    }
                };
                self.event(Event::TimedOut { node });
                let next = self.follow(at, Ok(Move::Leave(port)));
                self.run_on(next);
            }
            (_, Some(_)) => {
                self.session.sprints += 1;
                self.event(Event::Expired { node });
                self.session.frames.clear();
                self.end();
            }
            _ => match wait.reminder.filter(|reminder| reminder.due <= due) {
                Some(reminder) => self.remind(at, wait, reminder),
                None => self.event(Event::Ignored),
            },
        }
    }

    /// Says a reminder and sets the next. The wait goes on.
    fn remind(&mut self, at: usize, wait: Wait, reminder: DueReminder) {
        self.session.sprints += 1;
        self.at = at;
        let node = &self.flow.nodes[at];
        let Role::Waits(waiting) = node.kind.behaviour().role() else { return };
        let patience = waiting.patience();
        self.event(Event::Reminded { node: node.id.clone() });
        let next = patience.reminders.get(reminder.index + 1).and_then(|next| {
            let begun = patience.reminders.get(reminder.index)?.after_seconds;
            let pause = next.after_seconds.saturating_sub(begun);
            let due = reminder.due + chrono::TimeDelta::seconds(pause.into());
            Some(DueReminder { index: reminder.index + 1, due })
        });
        self.session.wait = Some(Wait { reminder: next, ..wait });
        let said = match patience.reminders.get(reminder.index) {
            Some(reminder) => self.render(&reminder.text),
            None => return,
        };
        let said = said.and_then(|text| self.reply(botbuilder_domain::Content::text(text)));
        if let Err(failure) = said {
            self.session.wait = None;
            let next = self.follow(at, Err(failure));
            self.run_on(next);
        }
    }

    /// Goes on with the turn that asked.
    fn take_answer(&mut self, question: u64, answer: &Answer) {
        let Some(pending) = self.session.pending.take_if(|pending| pending.question == question) else {
            return self.event(Event::Ignored);
        };
        let Pending { spent, text, payload, routing, .. } = pending;
        self.session.sprints += 1;
        self.spent = spent;
        self.budget = Budget::new(self.bot.limits.cost.saturating_sub(spent.cost));
        if let Some(input) = routing {
            self.look(&input);
            self.is_routed = true;
            if !self.leave_by_intent(answer) {
                // The message was kept until its meaning was known; nobody can be in its way now.
                let _ = self.take_message(&input);
            }
            return;
        }
        self.facts.input_text = text;
        self.facts.input_payload = payload;
        let found = self.session.node.as_ref().and_then(|id| self.flow.find(id.as_str()));
        let asking = found.and_then(|at| match self.flow.nodes[at].kind.behaviour().role() {
            Role::Asks(node) | Role::Clarifies(node, _) => Some((at, node)),
            Role::Passes | Role::Waits(_) | Role::Pauses(_) | Role::Calls(_) => None,
        });
        let Some((at, node)) = asking else {
            self.missing(Reason::MissingNode);
            return self.start();
        };
        self.at = at;
        self.event(Event::Answered { node: self.flow.nodes[at].id.clone(), question });
        let late = (self.now - self.spent.since).num_seconds() > self.bot.limits.seconds.into();
        let outcome = match answer {
            Answer::Failed { failure } => Err(Failure::Error((*failure).into())),
            _ if late => Err(Failure::Limit(Limit::Time)),
            answer => node.answered(self, answer),
        };
        let next = self.follow(at, outcome);
        self.run_on(next);
    }

    /// The node the session waits at, if this flow has it and it waits.
    pub(super) fn waiting_node(&mut self) -> Option<(usize, Wait)> {
        let wait = self.session.wait?;
        let found = self.session.node.as_ref().and_then(|id| self.flow.find(id.as_str()));
        let found = found.filter(|at| match self.flow.nodes[*at].kind.behaviour().role() {
            Role::Waits(_) | Role::Clarifies(..) | Role::Pauses(_) => true,
            Role::Passes | Role::Asks(_) | Role::Calls(_) => false,
        });
        if found.is_none() {
            self.missing(Reason::MissingNode);
            self.session.wait = None;
        }
        found.map(|at| (at, wait))
    }

    /// Finds the flow that the session is in. Where it is not there, the conversation starts again.
    fn find_flow(&mut self) {
        let Some(version) = self.session.called else { return };
        if let Some(flow) = self.bot.library.version(version) {
            self.flow = flow;
            return;
        }
        self.missing(Reason::MissingFlow);
        self.session.wait = None;
        self.session.pending = None;
        self.session.called = None;
        self.session.frames.clear();
    }

    fn missing(&mut self, reason: Reason) {
        let node = self.session.node.clone().unwrap_or_else(|| NodeId::from(""));
        self.event(Event::Error { node, reason });
    }

    /// The node that waits for the person.
    pub(super) fn waits_by(&self, waiting: Option<(usize, Wait)>) -> Option<&'a dyn Waiting> {
        waiting.and_then(|(at, _)| match self.flow.nodes[at].kind.behaviour().role() {
            Role::Waits(node) | Role::Clarifies(_, node) => Some(node),
            Role::Passes | Role::Pauses(_) | Role::Asks(_) | Role::Calls(_) => None,
        })
    }

    /// Answers a keyword. One that matches a part of a message does not apply where free text was asked for.
    fn answer_keyword(&mut self, input: &Input, asked: bool) -> bool {
        if !matches!(input, Input::Message { .. }) || self.bot.settings.keywords.is_empty() {
            return false;
        }
        let Some(text) = input.answer() else { return false };
        let keywords = &self.bot.settings.keywords;
        let met = self.suiting(|listener| {
            let met = keywords.iter().enumerate().filter(|(_, keyword)| keyword.is_met_by(text, asked));
            let ranked = met.filter_map(|(place, keyword)| Some((listener.rank(&keyword.reply)?, place)));
            ranked.min()
        });
        let Some((_, keyword)) = met else { return false };
        let Some(parts) = self.parts(&keywords[keyword].reply) else { return false };
        self.event(Event::KeywordMatched { keyword });
        self.effects.extend(parts.into_iter().map(Effect::Reply));
        true
    }

    fn start(&mut self) {
        self.begin(true);
        self.run_on(Some(self.flow.start));
    }

    /// Begins a conversation, before its first node. `shows` is whether that node will be seen.
    pub(super) fn begin(&mut self, shows: bool) {
        self.go_home(shows);
        self.session.variables.clear();
        self.session.frames.clear();
        self.session.called = None;
        self.variables_bytes = 0;
        self.session.wait = None;
        self.session.meant = None;
        self.session.ended = false;
        self.event(Event::Started { version: self.home_version });
        self.fill_shared();
        self.take_given();
        self.welcome();
    }

    fn resume(&mut self, at: usize, wait: Wait, node: &'a dyn Waiting, input: &Input) {
        self.session.wait = None;
        self.at = at;
        self.retries = wait.retries;
        let outcome = node.resume(self, input);
        let next = self.follow(at, outcome);
        self.run_on(next);
    }

    /// What a turn that asks keeps of itself.
    pub(super) fn rest(&self, question: u64, until: DateTime<Utc>) -> Pending {
        let most = self.bot.limits.value_bytes;
        let cost = self.bot.limits.cost.saturating_sub(self.budget.left());
        Pending {
            question,
            until,
            spent: Spent { cost, ..self.spent },
            text: short(&self.facts.input_text, most),
            payload: short(&self.facts.input_payload, most),
            routing: None,
        }
    }
}
