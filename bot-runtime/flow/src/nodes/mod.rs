//! The node kinds: one file each, with its JSON in the doc comment.

mod ab_split;
mod agent_workflow;
mod ai_response;
mod api_call;
mod call_flow;
mod condition;
mod delay;
mod email;
mod end;
mod goto;
mod handoff;
mod input;
mod knowledge_answer;
mod menu;
mod message;
mod nlu_router;
pub(crate) mod options;
mod patience;
mod question;
mod set_variable;
mod start;
mod switch;
mod tag_contact;
mod wait_for_event;
mod webhook;

use botbuilder_domain::Content;
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(crate) use patience::{Patience, While};

use crate::{
    Input, Reason, Value,
    question::Answer,
    session::Variables,
    template::{Template, cut},
    turn::{Failure, Move, Turn},
};

/// A node, by its kind. The names in JSON are those of the variants in snake case.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub(crate) enum NodeKind {
    Start(start::Start),
    Message(message::Message),
    Question(question::Question),
    Menu(menu::Menu),
    Input(Box<input::Input>),
    Condition(condition::Condition),
    Switch(switch::Switch),
    SetVariable(set_variable::SetVariable),
    ApiCall(Box<api_call::ApiCall>),
    Webhook(webhook::Webhook),
    AiResponse(ai_response::AiResponse),
    KnowledgeAnswer(knowledge_answer::KnowledgeAnswer),
    NluRouter(nlu_router::NluRouter),
    AgentWorkflow(agent_workflow::AgentWorkflow),
    Delay(delay::Delay),
    WaitForEvent(wait_for_event::WaitForEvent),
    Email(email::Email),
    TagContact(tag_contact::TagContact),
    AbSplit(ab_split::AbSplit),
    Handoff(handoff::Handoff),
    CallFlow(call_flow::CallFlow),
    Goto(goto::Goto),
    End(end::End),
}

impl NodeKind {
    /// Reads a node's `type` and `data`.
    pub(crate) fn read(kind: &str, data: &Json) -> serde_json::Result<Self> {
        serde_json::from_value(json!({ "type": kind, "data": data }))
    }

    /// What the node does.
    pub(crate) fn behaviour(&self) -> &dyn Behaviour {
        match self {
            Self::Start(node) => node,
            Self::Message(node) => node,
            Self::Question(node) => node,
            Self::Menu(node) => node,
            Self::Input(node) => &**node,
            Self::Condition(node) => node,
            Self::Switch(node) => node,
            Self::SetVariable(node) => node,
            Self::ApiCall(node) => &**node,
            Self::Webhook(node) => node,
            Self::AiResponse(node) => node,
            Self::KnowledgeAnswer(node) => node,
            Self::NluRouter(node) => node,
            Self::AgentWorkflow(node) => node,
            Self::Delay(node) => node,
            Self::WaitForEvent(node) => node,
            Self::Email(node) => node,
            Self::TagContact(node) => node,
            Self::AbSplit(node) => node,
            Self::Handoff(node) => node,
            Self::CallFlow(node) => node,
            Self::Goto(node) => node,
            Self::End(node) => node,
        }
    }

    /// Whether a cycle through it is no circle: it waits for the person, an event or an instant.
    pub(crate) fn waits(&self) -> bool {
        match self.behaviour().role() {
            Role::Waits(_) | Role::Pauses(_) => true,
            Role::Passes | Role::Asks(_) | Role::Clarifies(..) | Role::Calls(_) => false,
        }
    }
}

/// An exit of a node that an author may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port<'n> {
    pub(crate) name: &'n str,
    /// Whether a published flow must say where it leads.
    pub(crate) required: bool,
}

impl<'n> Port<'n> {
    pub(crate) fn required(name: &'n str) -> Self {
        Self { name, required: true }
    }

    pub(crate) fn optional(name: &'n str) -> Self {
        Self { name, required: false }
    }
}

/// What a node has to do with the rest of its flow, and with what lies outside of it.
#[derive(Debug, Default)]
pub(crate) struct About<'n> {
    /// Variables it reads for itself, or for a service that it calls: they may be secret.
    pub(crate) reads: Vec<&'n str>,
    /// Variables whose values somebody gets to see.
    pub(crate) shows: Vec<&'n str>,
    /// Variables it sets.
    pub(crate) writes: Vec<&'n str>,
    /// The node it jumps to without an edge.
    pub(crate) jump: Option<&'n str>,
    /// What it uses that is no part of the flow.
    pub(crate) uses: Vec<Reference<'n>>,
    /// What it says, its templates not yet filled.
    pub(crate) says: Vec<Content>,
}

/// Something outside of the flow that a node uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference<'n> {
    /// Another flow.
    Flow {
        id: &'n str,
        /// The variables of it that are set and read.
        variables: Vec<&'n str>,
        /// Those that are set.
        given: Vec<&'n str>,
    },
    /// An agent.
    Agent(&'n str),
    /// A workflow of agents.
    Workflow(&'n str),
    /// A knowledge base.
    KnowledgeBase(&'n str),
    /// An intent, by its name.
    Intent(&'n str),
    /// An entity, by its name.
    Entity(&'n str),
    /// A secret, by its name.
    Secret(&'n str),
    /// A message that the provider approves.
    Template {
        name: &'n str,
        /// Its language; empty where any will do.
        language: &'n str,
    },
    /// An experiment.
    Experiment(&'n str),
}

/// How a node has to do with time and the world.
#[derive(Clone, Copy)]
pub(crate) enum Role<'n> {
    /// Not at all: it does its work and goes on.
    Passes,
    /// It waits for the person.
    Waits(&'n dyn Waiting),
    /// It waits for an instant or an event.
    Pauses(&'n dyn Pausing),
    /// It asks the world.
    Asks(&'n dyn Asking),
    /// It asks the world, and where the answer is not clear the person.
    Clarifies(&'n dyn Asking, &'n dyn Waiting),
    /// It calls another flow.
    Calls(&'n dyn Calling),
}

/// What a node kind has to say. Nothing has a default: a new kind answers every question.
pub(crate) trait Behaviour {
    /// Its exits. Every node that has any also has `error`, and `default`, which stands in for all that are
    /// not connected.
    fn ports(&self) -> Vec<Port<'_>>;

    /// What it reads, writes, uses and says.
    fn describe<'n>(&'n self, about: &mut About<'n>);

    /// What is wrong with it that its shape alone does not tell.
    fn check(&self) -> Vec<String>;

    /// How it has to do with time and the world.
    fn role(&self) -> Role<'_>;

    /// Does its work when the conversation comes to it.
    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure>;
}

impl dyn Behaviour + '_ {
    /// Whether an edge may leave by that port.
    pub(crate) fn has_port(&self, name: &str) -> bool {
        let ports = self.ports();
        !ports.is_empty()
            && (["error", "default"].contains(&name) || ports.iter().any(|port| port.name == name))
    }

    /// What it has to do with the rest.
    pub(crate) fn about(&self) -> About<'_> {
        let mut about = About::default();
        self.describe(&mut about);
        about
    }
}

/// A node that waits for the person.
pub(crate) trait Waiting {
    /// Whether the input is one of the things it offers by name, so that no keyword may take it.
    fn offers(&self, turn: &mut Turn<'_>, input: &Input) -> bool;

    /// Whether any text may be an answer.
    fn takes_free_text(&self) -> bool;

    /// How long it waits and what it says meanwhile.
    fn patience(&self) -> Patience<'_>;

    /// Takes the person's answer.
    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure>;
}

/// A node that waits for an instant or an event.
pub(crate) trait Pausing {
    /// What becomes of messages meanwhile, where the port `interrupted` leads nowhere.
    fn meanwhile(&self) -> While;

    /// The port it leaves by when the instant has come.
    fn over(&self) -> &'static str;

    /// Takes an event, if it is the one.
    fn happened(&self, turn: &mut Turn<'_>, name: &str) -> Option<Result<Move<'_>, Failure>>;
}

/// A node that asks the world.
pub(crate) trait Asking {
    /// Takes the answer. One that failed is not among them.
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure>;
}

/// A node that calls another flow.
pub(crate) trait Calling {
    /// Takes what the flow's variables hold at its end.
    fn returned(&self, turn: &mut Turn<'_>, variables: &Variables) -> Result<Move<'_>, Failure>;
}

/// What is wrong with names that are also ports.
fn check_ports<'n>(what: &str, names: impl Iterator<Item = &'n str>, reserved: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if name.is_empty() || name.chars().count() > crate::definition::NAME_MAX {
            faults.push(format!("the {what} `{name}` has no name, or one that is too long"));
        }
        if known.contains(&name) {
            faults.push(format!("the {what} `{name}` is there twice"));
        }
        if reserved.contains(&name) {
            faults.push(format!("a {what} cannot be called `{name}`"));
        }
        known.push(name);
    }
    faults
}

/// An answer to something else than what was asked.
fn odd_answer() -> Failure {
    Failure::Error(Reason::Unreadable)
}

/// The template's text, or what the person wrote where there is no template.
fn text_or_input(turn: &mut Turn<'_>, template: Option<&Template>) -> Result<String, Failure> {
    match template {
        Some(template) => turn.render(template),
        None => Ok(turn.facts().input_text.to_string()),
    }
}

/// Says what an agent or the documents said, unless that is not wanted, and keeps it.
fn keep_said(
    turn: &mut Turn<'_>,
    answer: &Answer,
    variable: Option<&str>,
    say: Option<bool>,
) -> Result<(), Failure> {
    let Answer::Said { text, usage } = answer else { return Err(odd_answer()) };
    turn.spend(*usage)?;
    if let Some(variable) = variable {
        turn.set(variable, Value::text(text))?;
    }
    if say.unwrap_or(true) {
        turn.reply(Content::text(cut(text, turn.bot().limits.text_bytes)))?;
    }
    Ok(())
}
