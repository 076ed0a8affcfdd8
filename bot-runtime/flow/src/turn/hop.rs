//! From flow to flow, where an orchestration joins several.

use std::sync::Arc;

use chrono::{SubsecRound, TimeDelta};

use super::{ANSWER_GRACE, Failure, Turn};
use crate::{
    authored::IntentAnswer,
    expression::Value,
    flow::NodeId,
    input::Input,
    orchestration::{OnError, Orchestration, Scope, Shared, Transition, Trigger},
    question::{Answer, Ask, Question},
    sprint::{Effect, Event, Limit, Priority, Reason},
};

/// The time of a recognition, in seconds.
const SECONDS: u32 = 5;

impl<'a> Turn<'a> {
    /// The node the conversation is at, or begins at.
    fn place(&self) -> NodeId {
        let start = || self.home.nodes[self.home.start].id.clone();
        self.session.node.clone().unwrap_or_else(start)
    }

    /// The transitions out of the flow that the conversation is in, in their order.
    fn ways(&self) -> impl Iterator<Item = &'a Transition> + use<'a> {
        let orchestration = self.bot.orchestration.as_deref();
        let id = self.home_id;
        orchestration.zip(id).into_iter().flat_map(|(orchestration, id)| orchestration.from(id))
    }

    /// Goes to the flow that a conversation begins with, where an orchestration names one; to what an experiment shows in
    /// its place, if that is wanted.
    pub(super) fn go_home(&mut self, shows: bool) {
        if let Some(orchestration) = self.bot.orchestration.as_deref()
            && let Some((version, flow)) = self.bot.library.called(&orchestration.entry)
        {
            self.home = flow;
            self.home_version = version;
            self.home_id = Some(&orchestration.entry);
        }
        if shows && let Some((version, flow)) = self.home_id.and_then(|id| self.shown_instead(id)) {
            self.home = flow;
            self.home_version = version;
        }
        self.flow = self.home;
    }

    /// Enters another flow at its start, whose index this is. None where that is not possible; an event says why.
    fn hop(&mut self, to: &'a str, keeps_variables: bool) -> Option<usize> {
        let orchestration = self.bot.orchestration.as_deref();
        let most = orchestration.map_or(Orchestration::HOPS, |orchestration| orchestration.max_hops);
        let node = self.place();
        if self.spent.hops >= most {
            self.event(Event::LimitReached { node, limit: Limit::Hops });
            return None;
        }
        let Some((version, flow)) = self.entered(to) else {
            self.event(Event::Error { node, reason: Reason::MissingFlow });
            return None;
        };
        self.spent.hops += 1;
        self.session.frames.clear();
        self.session.called = None;
        self.session.wait = None;
        self.session.meant = None;
        self.session.ended = false;
        if !keeps_variables {
            self.session.variables.clear();
        }
        let from = self.home_version;
        let left = self.flow;
        self.home = flow;
        self.home_version = version;
        self.home_id = Some(to);
        self.flow = flow;
        self.event(Event::Hopped { from, to: version });
        // A variable of the same name and another type is another variable. What was secret goes only to flows that keep
        // it so.
        self.session.variables.retain(|name, value| match flow.variables.get(name) {
            _ if left.secrets.contains(name) && !flow.secrets.contains(name) => false,
            Some(kind) => kind.hold(value.clone()).is_some_and(|held| {
                *value = held;
                true
            }),
            None => true,
        });
        self.fill_shared();
        Some(flow.start)
    }

    /// Sets what the flows share and nobody has set in this conversation: what is known of the contact, constants,
    /// defaults.
    pub(super) fn fill_shared(&mut self) {
        let Some(orchestration) = self.bot.orchestration.as_deref() else { return };
        for (name, shared) in &orchestration.variables {
            let known = match shared.scope {
                Scope::Contact => self.facts.contact_attributes.field(name),
                Scope::Turn | Scope::Session | Scope::Bot => Value::Null,
            };
            let known = shared.kind.hold(known).filter(|value| *value != Value::Null);
            let value = known.unwrap_or_else(|| shared.default.clone());
            if shared.is_secret && !self.home.secrets.contains(name) {
                // A flow that does not know that it is secret could show it.
                continue;
            }
            let stays = shared.scope != Scope::Bot && self.session.variables.contains_key(name);
            if !stays && value != Value::Null {
                self.session.variables.insert(Arc::clone(name), value);
            }
        }
        self.variables_bytes = self.session.variables_bytes();
    }

    /// Whether a value keeps the rules of a variable that flows share.
    pub(super) fn may_share(&self, name: &str, value: &Value) -> bool {
        self.shared(name).is_none_or(|shared| shared.validation.is_kept_by(value))
    }

    fn shared(&self, name: &str) -> Option<&'a Shared> {
        self.bot.orchestration.as_deref().and_then(|orchestration| orchestration.variables.get(name))
    }

    /// Sets the shared variables that whoever started the conversation gave. The API has refused what does not fit.
    pub(super) fn take_given(&mut self) {
        let Value::Object(given) = std::mem::take(&mut self.facts.given) else { return };
        for (name, value) in given.iter() {
            let Some(shared) = self.shared(name).filter(|shared| shared.may_be_given()) else { continue };
            if let Ok(value) = shared.take(value.clone()) {
                self.session.variables.insert(Arc::clone(name), value);
            }
        }
        self.variables_bytes = self.session.variables_bytes();
    }

    /// Whether flows may set the variable. One of the contact is kept with it.
    pub(super) fn share(&mut self, name: &str, value: &Value) -> Result<(), Failure> {
        if !self.may_share(name, value) {
            return Err(Failure::Error(Reason::Invalid));
        }
        match self.shared(name).map(|shared| shared.scope) {
            Some(Scope::Bot) => Err(Failure::Error(Reason::WrongType)),
            Some(Scope::Contact) => {
                self.effects.push(Effect::Remember { name: name.to_owned(), value: value.clone() });
                Ok(())
            }
            Some(Scope::Turn | Scope::Session) | None => Ok(()),
        }
    }

    /// Forgets what holds only for a turn, unless the turn goes on with an answer.
    pub(super) fn forget_turn(&mut self) {
        let Some(orchestration) = self.bot.orchestration.as_deref() else { return };
        if self.session.pending.is_none() {
            let shared = &orchestration.variables;
            let holds = |name: &Arc<str>| shared.get(name).is_none_or(|shared| shared.scope != Scope::Turn);
            self.session.variables.retain(|name, _| holds(name));
        }
    }

    /// When the person has been silent for so long that a transition fires: seconds from the beginning of a wait.
    pub(super) fn silence(&self) -> Option<u32> {
        let seconds = |way: &Transition| match way.trigger {
            Trigger::Timeout { seconds } => Some(seconds),
            _ => None,
        };
        self.ways().filter_map(seconds).min()
    }

    /// Goes where the silence of the person leads.
    pub(super) fn leave_in_silence(&mut self) {
        let least = self.silence();
        let way = self.ways().find(|way| match way.trigger {
            Trigger::Timeout { seconds } => Some(seconds) == least,
            _ => false,
        });
        self.leave(way);
    }

    fn leave(&mut self, way: Option<&'a Transition>) -> bool {
        let Some(way) = way else { return false };
        let next = self.hop(&way.to, way.keeps_variables);
        let hopped = next.is_some();
        if hopped {
            self.run_on(next);
        }
        hopped
    }

    /// Takes a message that is a keyword of a transition.
    pub(super) fn leave_by_keyword(&mut self, input: &Input, asked_for_text: bool) -> bool {
        let Some(text) = input.answer().filter(|_| matches!(input, Input::Message { .. })) else {
            return false;
        };
        let way = self.ways().find(|way| match &way.trigger {
            Trigger::Keyword(keywords) => keywords.match_text(text, asked_for_text),
            _ => false,
        });
        self.leave(way)
    }

    /// Takes an event that a transition waits for.
    pub(super) fn leave_by_event(&mut self, name: &str) -> bool {
        let data = self.facts.event_data.clone();
        let way = self.ways().find(|way| match &way.trigger {
            Trigger::Event { event, matches } => {
                event == name && matches.iter().all(|(field, value)| data.field(field) == *value)
            }
            _ => false,
        });
        self.leave(way)
    }

    /// Whether intents with an answer of their own may have a message: nothing has begun, or what waits wants something
    /// else than free text.
    fn is_open(&mut self) -> bool {
        let waiting = self.waiting_node();
        waiting.is_none() || self.waits_by(waiting).is_some_and(|node| !node.takes_free_text())
    }

    /// Asks what a message means, where a transition or an intent's own answer depends on it. The message waits meanwhile.
    pub(super) fn ask_for_intent(&mut self, input: &Input) -> bool {
        let Some(text) = input.answer().filter(|_| matches!(input, Input::Message { .. })) else {
            return false;
        };
        let mut intents: Vec<String> = Vec::new();
        for way in self.ways() {
            if let Trigger::Intent { intent, .. } = &way.trigger
                && !intents.contains(intent)
            {
                intents.push(intent.clone());
            }
        }
        let is_wanted = !intents.is_empty() || (!self.bot.settings.intents.is_empty() && self.is_open());
        if !is_wanted || self.spent.asks >= self.bot.limits.calls {
            return false;
        }
        let language = self.facts.contact_locale.as_text().map(str::to_owned);
        let ask = Ask::Recognize { text: text.to_owned(), language, intents };
        self.spent.asks += 1;
        self.session.asked += 1;
        let question = self.session.asked;
        let until = self.now.checked_add_signed(TimeDelta::seconds(SECONDS.into()) + ANSWER_GRACE);
        let until = until.unwrap_or(self.now).trunc_subsecs(3);
        let mut pending = self.rest(question, until);
        pending.routing = Some(Box::new(input.clone()));
        self.session.pending = Some(pending);
        let node = self.place();
        self.event(Event::Asked { node, question });
        self.question = Some(Question { id: question, ask, seconds: SECONDS });
        true
    }

    /// Goes where the meaning of a message leads.
    pub(super) fn leave_by_intent(&mut self, answer: &Answer) -> bool {
        let Answer::Recognized { intent: Some(meant), confidence, accepted, .. } = answer else {
            return false;
        };
        let way = self.ways().find(|way| match &way.trigger {
            Trigger::Intent { intent, min_confidence } => intent == meant && confidence >= min_confidence,
            _ => false,
        });
        if way.is_some() {
            let node = self.place();
            self.event(Event::Recognized { node, intent: Some(meant.clone()) });
            return self.leave(way);
        }
        let own = self.bot.settings.intents.iter().find(|own| own.intent == *meant);
        let Some(own) = own.filter(|_| *accepted && self.is_open()) else { return false };
        self.answer_intent(own)
    }

    /// Does what an intent is there for. False where nothing of it can be done; the flow then has the message.
    fn answer_intent(&mut self, own: &'a IntentAnswer) -> bool {
        let node = self.place();
        self.event(Event::Recognized { node, intent: Some(own.intent.clone()) });
        let flow = self.flow_of(own);
        if flow.is_some() && self.session.wait.is_none() {
            // The flow that it would begin with is not seen.
            self.begin(false);
        }
        let reply = own.reply.as_ref().and_then(|reply| self.parts(reply));
        let has_reply = reply.is_some();
        self.effects.extend(reply.into_iter().flatten().map(Effect::Reply));
        let Some(start) = flow.and_then(|flow| self.hop(flow, true)) else { return has_reply };
        self.run_on(Some(start));
        true
    }

    /// The flow that an intent names. None where it names none, or one that is not published; an event says so.
    fn flow_of(&mut self, own: &'a IntentAnswer) -> Option<&'a str> {
        let flow = own.flow.as_deref()?;
        if self.bot.library.called(flow).is_none() {
            let node = self.place();
            self.event(Event::Error { node, reason: Reason::MissingFlow });
            return None;
        }
        Some(flow)
    }

    /// The start of the other flow that an intent names, behind the reply that goes with it. None where it names none,
    /// or where that cannot be entered; an event says why.
    pub(super) fn enter_flow_of(&mut self, intent: &str) -> Option<usize> {
        let own = self.bot.settings.intents.iter().find(|own| own.intent == intent)?;
        let flow = self.flow_of(own)?;
        if self.home_id == Some(flow) {
            return None;
        }
        let start = self.hop(flow, true)?;
        let reply = own.reply.as_ref().and_then(|reply| self.parts(reply));
        self.effects.extend(reply.into_iter().flatten().map(Effect::Reply));
        Some(start)
    }

    fn holds(&mut self, way: &'a Transition) -> bool {
        match &way.trigger {
            // A condition that cannot be judged does not hold.
            Trigger::Condition(condition) => self.evaluate(condition).is_ok_and(|value| value.is_true()),
            _ => false,
        }
    }

    /// Goes where conditions lead, once the flow waits.
    pub(super) fn leave_by_condition(&mut self) {
        while self.session.pending.is_none() && !self.session.ended {
            let ways: Vec<&Transition> = self.ways().collect();
            let way = ways.into_iter().find(|way| self.holds(way));
            if !self.leave(way) {
                return;
            }
        }
    }

    /// The start of the flow that follows this one, which has ended.
    pub(super) fn follow_up(&mut self) -> Option<usize> {
        let node = self.place();
        let ways: Vec<&Transition> = self.ways().collect();
        let way = ways.into_iter().find(|way| match &way.trigger {
            Trigger::Complete { outcome } => {
                outcome.as_deref().is_none_or(|outcome| outcome == node.as_str())
            }
            Trigger::Always => true,
            _ => self.holds(way),
        })?;
        self.hop(&way.to, way.keeps_variables)
    }

    /// The start of the flow that takes a failure nobody took.
    pub(super) fn rescue(&mut self, failure: Failure) -> Option<usize> {
        let code = match failure {
            Failure::Limit(limit) => serde_json::to_value(limit),
            Failure::Error(reason) => serde_json::to_value(reason),
        };
        let code = code.ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
        let way = self.ways().find(|way| match &way.trigger {
            Trigger::Error { codes } => codes.is_empty() || codes.contains(&code),
            Trigger::Always => true,
            _ => false,
        });
        if let Some(way) = way {
            return self.hop(&way.to, way.keeps_variables);
        }
        match self.bot.orchestration.as_deref().map(|orchestration| &orchestration.on_error)? {
            OnError::Flow(flow) if self.home_id != Some(flow) => self.hop(flow, true),
            OnError::Handoff if self.bot.settings.handoff => {
                let node = self.place();
                self.effects.push(Effect::Handoff { note: Some(code), priority: Priority::Normal });
                self.event(Event::HandedOff { node });
                None
            }
            OnError::Flow(_) | OnError::Handoff | OnError::Stop => None,
        }
    }
}
