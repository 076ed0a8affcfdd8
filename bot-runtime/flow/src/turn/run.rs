//! From node to node.

use chrono::{SubsecRound, TimeDelta};

use super::{ANSWER_GRACE, COST_AFTER_LIMIT, Failure, Move, STEPS_AFTER_LIMIT, Turn};
use crate::{
    expression::Budget,
    nodes::{Patience, Role},
    question::{Ask, Question},
    session::{DueReminder, Frame, Variables, Wait, variables_bytes},
    sprint::{Event, Limit, Reason},
};

impl Turn<'_> {
    /// Enters nodes until one waits or asks, or the flow ends.
    pub(super) fn run_on(&mut self, mut next: Option<usize>) {
        while let Some(at) = next {
            self.at = at;
            self.retries = 0;
            let node = &self.flow.nodes[at];
            self.session.version = Some(self.home_version);
            self.session.node = Some(node.id.clone());
            if self.spent.steps >= self.bot.limits.steps {
                next = self.fail(at, Failure::Limit(Limit::Steps));
                continue;
            }
            self.spent.steps += 1;
            self.event(Event::NodeEntered { node: node.id.clone() });
            let outcome = node.kind.behaviour().enter(self);
            next = self.follow(at, outcome);
        }
    }

    /// The node that comes next; none when the flow waits, asks or has ended.
    pub(super) fn follow(&mut self, at: usize, outcome: Result<Move<'_>, Failure>) -> Option<usize> {
        let flow = self.flow;
        let target = match outcome {
            Ok(Move::Leave(port)) => match flow.nodes[at].exit(port) {
                Some(target) => Ok(target),
                // A chain of messages needs no `end` behind it.
                None if port == "next" => return self.finish(),
                // Not every failure has a port of its own.
                None if port == "failed" => Err(Failure::Error(Reason::Status)),
                None => Err(Failure::Error(Reason::OpenPort)),
            },
            Ok(Move::Intent(intent, port)) => {
                if let Some(start) = self.enter_flow_of(&intent) {
                    return Some(start);
                }
                flow.nodes[at].exit(port).ok_or(Failure::Error(Reason::OpenPort))
            }
            Ok(Move::Jump(id)) => flow.find(id.as_str()).ok_or(Failure::Error(Reason::MissingNode)),
            Ok(Move::Wait { patience, retries }) => {
                self.session.wait = Some(self.wait(patience, retries));
                return None;
            }
            Ok(Move::Pause(until)) => {
                let silence = self.silence().and_then(|seconds| self.after(seconds));
                self.session.wait = Some(Wait { silence, ..Wait::until(until) });
                return None;
            }
            Ok(Move::Ask(ask, seconds)) => match self.ask(at, ask, seconds) {
                Ok(()) => return None,
                Err(failure) => Err(failure),
            },
            Ok(Move::Call { version, variables }) => self.call(at, version, variables),
            Ok(Move::Finish) => return self.finish(),
            Ok(Move::End) => {
                self.end();
                return None;
            }
            Err(failure) => Err(failure),
        };
        match target {
            Ok(target) => Some(target),
            Err(failure) => self.fail(at, failure),
        }
    }

    fn wait(&self, patience: Patience<'_>, retries: u32) -> Wait {
        let first = patience.reminders.first();
        let reminder =
            first.and_then(|first| Some(DueReminder { index: 0, due: self.after(first.after_seconds)? }));
        let expire_seconds = self.flow.expire_seconds.or_else(|| {
            let shared = self.bot.orchestration.as_deref();
            shared.filter(|_| self.home_id.is_some()).and_then(|shared| shared.expire_seconds)
        });
        Wait {
            until: patience.timeout_seconds.and_then(|seconds| self.after(seconds)),
            retries,
            expires: expire_seconds.and_then(|seconds| self.after(seconds)),
            reminder,
            silence: self.silence().and_then(|seconds| self.after(seconds)),
        }
    }

    fn ask(&mut self, at: usize, ask: Ask, seconds: u32) -> Result<(), Failure> {
        if self.spent.asks >= self.bot.limits.calls {
            return Err(Failure::Limit(Limit::Calls));
        }
        self.spent.asks += 1;
        self.session.asked += 1;
        let question = self.session.asked;
        let until = self
            .now
            .checked_add_signed(TimeDelta::seconds(seconds.into()) + ANSWER_GRACE)
            .unwrap_or(self.now)
            .trunc_subsecs(3);
        self.session.wait = None;
        self.session.pending = Some(self.rest(question, until));
        self.event(Event::Asked { node: self.flow.nodes[at].id.clone(), question });
        self.question = Some(Question { id: question, ask, seconds });
        Ok(())
    }

    /// Enters another flow.
    fn call(
        &mut self,
        at: usize,
        version: botbuilder_domain::VersionId,
        variables: Variables,
    ) -> Result<usize, Failure> {
        if self.session.frames.len() >= self.bot.limits.nesting {
            return Err(Failure::Limit(Limit::Nesting));
        }
        let flow = self.bot.library.version(version).ok_or(Failure::Error(Reason::MissingFlow))?;
        let node = self.flow.nodes[at].id.clone();
        let bytes = self.variables_bytes + variables_bytes(&variables) + node.as_str().len() + 100;
        if bytes > self.bot.limits.variables_bytes {
            return Err(Failure::Limit(Limit::Variables));
        }
        self.event(Event::Called { node: node.clone(), version });
        let caller = std::mem::replace(&mut self.session.variables, variables);
        self.session.frames.push(Frame { called: self.session.called, node, variables: caller });
        self.session.called = Some(version);
        self.variables_bytes = bytes;
        self.flow = flow;
        Ok(flow.start)
    }

    /// Ends the flow at work: the conversation, or the way back to the flow that called.
    pub(super) fn finish(&mut self) -> Option<usize> {
        let Some(callee) = self.leave_flow() else {
            let next = self.follow_up();
            if next.is_none() {
                self.end();
            }
            return next;
        };
        let Some(at) = self.caller() else {
            self.end();
            return None;
        };
        self.at = at;
        let node = &self.flow.nodes[at];
        self.event(Event::Returned { node: node.id.clone() });
        let Role::Calls(call) = node.kind.behaviour().role() else {
            return self.fail(at, Failure::Error(Reason::MissingNode));
        };
        let outcome = call.returned(self, &callee);
        self.follow(at, outcome)
    }

    /// Goes back to the flow that called; the variables of the one that is left. None where none called.
    fn leave_flow(&mut self) -> Option<Variables> {
        let frame = self.session.frames.pop()?;
        let mut callee = self.flow.defaults.clone();
        callee.append(&mut self.session.variables);
        self.session.variables = frame.variables;
        self.session.called = frame.called;
        self.session.node = Some(frame.node);
        self.variables_bytes = self.session.variables_bytes();
        Some(callee)
    }

    /// The node that called, in the flow that is at work again.
    fn caller(&mut self) -> Option<usize> {
        let flow = match self.session.called {
            None => Some(self.home),
            Some(version) => self.bot.library.version(version),
        };
        let found = flow.and_then(|flow| Some((flow, flow.find(self.session.node.as_ref()?.as_str())?)));
        if let Some((flow, at)) = found {
            self.flow = flow;
            return Some(at);
        }
        if let Some(node) = self.session.node.clone() {
            self.event(Event::Error { node, reason: Reason::MissingNode });
        }
        None
    }

    /// Ends the conversation.
    pub(super) fn end(&mut self) {
        self.session.ended = true;
        self.session.wait = None;
        self.session.called = None;
        self.session.frames.clear();
        self.event(Event::Ended);
    }

    /// Takes the `error` port, the first time it is needed in a turn: that of the node, else that of the node that
    /// called its flow, and so on. Where there is none, sends the fallback and ends the conversation.
    pub(super) fn fail(&mut self, at: usize, failure: Failure) -> Option<usize> {
        let node = &self.flow.nodes[at];
        self.event(match failure {
            Failure::Limit(limit) => Event::LimitReached { node: node.id.clone(), limit },
            Failure::Error(reason) => Event::Error { node: node.id.clone(), reason },
        });
        let mut exit = node.exit("error");
        while !self.spent.failed && exit.is_none() && self.leave_flow().is_some() {
            let Some(caller) = self.caller() else { break };
            let node = &self.flow.nodes[caller];
            self.event(Event::Returned { node: node.id.clone() });
            exit = node.exit("error");
        }
        if let Some(target) = exit.filter(|_| !self.spent.failed) {
            self.spent.failed = true;
            if self.spent.steps >= self.bot.limits.steps {
                self.spent.steps = self.bot.limits.steps.saturating_sub(STEPS_AFTER_LIMIT);
            }
            if self.budget.is_spent() {
                self.budget = Budget::new(COST_AFTER_LIMIT);
            }
            return Some(target);
        }
        let next = self.rescue(failure);
        if next.is_none() {
            self.say_failure();
            self.end();
        }
        next
    }
}
