//! The other bot of a comparison: the same words at the same instants, its own timers, and the answers that were given.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Cost, Recorded, Told, stored, used};
use crate::{
    bot::Bot,
    input::Input,
    question::{Answer, AskFailure},
    session::Session,
    turn::step,
};

/// Most timers between two recorded steps.
const TIMERS_MAX: usize = 1_000;

pub(super) struct Other<'r> {
    recorded: &'r [Recorded],
    session: Option<Session>,
    pub(super) told: Vec<Option<Told>>,
    pub(super) cost: Cost,
    pub(super) unanswered: usize,
}

impl<'r> Other<'r> {
    pub(super) fn new(recorded: &'r [Recorded]) -> Self {
        Self { recorded, session: None, told: Vec::new(), cost: Cost::default(), unanswered: 0 }
    }

    /// Takes a recorded step. `before` is the session it was made with; where that does not follow from the step before,
    /// the conversation was moved, and this one is moved along.
    pub(super) fn take(
        &mut self,
        number: usize,
        before: Option<&Session>,
        follows: bool,
        bot: &mut dyn FnMut(usize, &Session) -> Option<Arc<Bot>>,
    ) {
        let moved = before.filter(|_| !follows).cloned();
        let session = moved.or_else(|| self.session.take().filter(|_| before.is_some()));
        let Some(bot) = session.as_ref().and_then(|session| bot(number, session)) else {
            self.told.push(None);
            return;
        };
        self.session = session;
        let mut told = Told::default();
        let recorded = self.recorded;
        if let Some(one) = recorded.get(number) {
            if let Some(last) = number.checked_sub(1).and_then(|last| recorded.get(last))
                && !self.is_answered_later(number)
            {
                self.give_up(&bot, last, &mut told);
            }
            self.pass(number, one.now, &bot, &mut told);
            match &one.input {
                Input::Timeout { due, .. } => {
                    // Only a timer of its own wakes it.
                    if self.next_timer() == Some(*due) {
                        self.step(&bot, one.input.clone(), one.now, &mut told);
                    }
                }
                Input::Answer { answer, context, .. } => {
                    if let Some(question) = self.session.as_ref().and_then(Session::waits_for_answer) {
                        let (answer, context) = (answer.clone(), context.clone());
                        self.step(&bot, Input::Answer { question, answer, context }, one.now, &mut told);
                    }
                }
                input => {
                    self.step(&bot, input.clone(), one.now, &mut told);
                }
            }
        }
        if told == Told::default()
            && let Some(session) = &self.session
        {
            // Nothing happened: the variables are what they were.
            told.variables = crate::Value::Object(Arc::new(session.variables().clone()));
            told.ended = session.has_ended();
        }
        self.told.push(Some(told));
    }

    fn next_timer(&self) -> Option<DateTime<Utc>> {
        self.session.as_ref().filter(|session| !session.has_ended()).and_then(Session::next_timer)
    }

    fn is_answered_later(&self, from: usize) -> bool {
        let later = self.recorded.get(from..).unwrap_or_default();
        later.iter().any(|one| matches!(one.input, Input::Answer { .. }))
    }

    /// Fires timers of its own that were not recorded.
    fn pass(&mut self, number: usize, now: DateTime<Utc>, bot: &Bot, told: &mut Told) {
        let later = self.recorded.get(number..).unwrap_or_default();
        for _ in 0..TIMERS_MAX {
            let Some(due) = self.next_timer().filter(|due| *due <= now) else { return };
            let is_recorded =
                later.iter().any(|one| matches!(one.input, Input::Timeout { due: at, .. } if at == due));
            if is_recorded {
                return;
            }
            let Some(context) = later.first().map(|one| one.input.context().clone()) else { return };
            self.step(bot, Input::Timeout { due, context }, due, told);
        }
    }

    /// Says of its questions that nobody can answer them.
    fn give_up(&mut self, bot: &Bot, one: &Recorded, told: &mut Told) {
        for _ in 0..TIMERS_MAX {
            let Some(question) = self.session.as_ref().and_then(Session::waits_for_answer) else { return };
            self.unanswered += 1;
            let answer = Answer::Failed { failure: AskFailure::NotAvailable };
            let context = one.input.context().clone();
            self.step(bot, Input::Answer { question, answer, context }, one.now, told);
        }
    }

    fn step(&mut self, bot: &Bot, input: Input, now: DateTime<Utc>, told: &mut Told) {
        let Some(session) = self.session.take() else { return };
        let usage = used(&input);
        let sprint = step(bot, session, input, now);
        self.cost.add(usage, &sprint);
        self.session = Some(stored(told.take(sprint)));
    }
}
