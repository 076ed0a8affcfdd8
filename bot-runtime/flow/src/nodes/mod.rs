//! The node kinds: one file each, with its JSON in the doc comment.

mod condition;
mod end;
mod goto;
mod input;
mod menu;
mod message;
mod patience;
mod question;
mod set_variable;
mod start;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::{
    Input,
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
    Input(input::Input),
    Condition(condition::Condition),
    SetVariable(set_variable::SetVariable),
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
            Self::Input(node) => node,
            Self::Condition(node) => node,
            Self::SetVariable(node) => node,
            Self::Goto(node) => node,
            Self::End(node) => node,
        }
    }

    /// Whether it waits for the person.
    pub(crate) fn waits(&self) -> bool {
        self.behaviour().waiting().is_some()
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

/// What a node kind has to say. Nothing has a default: a new kind answers every question.
pub(crate) trait Behaviour {
    /// Its exits. Every node that has any also has `error`, and `default`, which stands in for all that are
    /// not connected.
    fn ports(&self) -> Vec<Port<'_>>;

    /// The node it jumps to without an edge.
    fn goes_to(&self) -> Option<&str>;

    /// Adds the names of the variables it reads.
    fn reads<'n>(&'n self, names: &mut Vec<&'n str>);

    /// The variable it sets.
    fn writes(&self) -> Option<&str>;

    /// What is wrong with it that its shape alone does not tell.
    fn check(&self) -> Vec<String>;

    /// How it takes an answer, if it waits for one.
    fn waiting(&self) -> Option<&dyn Waiting>;

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
}

/// A node that waits for the person.
pub(crate) trait Waiting {
    /// Whether the input is one of the things it offers by name, so that no keyword may take it.
    fn offers(&self, input: &Input) -> bool;

    /// Whether any text may be an answer.
    fn takes_free_text(&self) -> bool;

    /// Takes the person's answer.
    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure>;
}
