//! What comes of a step.

use botbuilder_domain::{Content, VersionId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{flow::NodeId, session::Session};

/// What comes of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Sprint {
    /// Where the conversation stands now.
    pub session: Session,
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What the conversation does next.
    pub next: Next,
}

/// What the conversation does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It waits for the person, and no longer than until this instant.
    Wait {
        /// The instant, in whole milliseconds.
        until: Option<DateTime<Utc>>,
    },
    /// It needs an answer from outside before it can go on.
    Ask(Question),
    /// Nothing: the flow came to its end, or never began. The next message starts it.
    Done,
}

/// What has to be asked outside: a model, an HTTP service, a knowledge base.
///
/// No node asks yet, so there is no such value. The first node kind that does adds a variant here with all
/// that its executor needs, an `Answer` to [`crate::Input`], and the pending question to the session; the
/// match of the runtime over this enum then lists the executor that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {}

/// What the commit has to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", content = "value", rename_all = "snake_case")]
pub enum Effect {
    /// A message to the person.
    Reply(Content),
}

/// What happened. Holds names and ids, never texts or values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The flow started from its beginning.
    Started {
        /// The version that runs.
        version: VersionId,
    },
    /// A node was entered.
    NodeEntered {
        /// The node.
        node: NodeId,
    },
    /// A variable was set.
    VariableSet {
        /// Its name.
        name: String,
    },
    /// An option was chosen.
    Chosen {
        /// The node that offered it.
        node: NodeId,
        /// The id of the option.
        option: String,
    },
    /// An answer did not fit and was asked for again.
    Retried {
        /// The node that asks.
        node: NodeId,
        /// Which time, from 1.
        attempt: u32,
    },
    /// No more answers were asked for.
    GaveUp {
        /// The node that asked.
        node: NodeId,
    },
    /// Nobody answered in time.
    TimedOut {
        /// The node that waited.
        node: NodeId,
    },
    /// A keyword was answered; the conversation stays where it was.
    KeywordMatched {
        /// Its place in [`crate::Settings::keywords`].
        keyword: usize,
    },
    /// The input was nothing for this conversation: the timer of an earlier wait.
    Ignored,
    /// A limit was reached.
    LimitReached {
        /// The node that reached it.
        node: NodeId,
        /// The limit.
        limit: Limit,
    },
    /// A node failed.
    Error {
        /// The node.
        node: NodeId,
        /// Why.
        reason: Reason,
    },
    /// The flow came to its end.
    Ended,
}

/// The limits of [`crate::Limits`] that end a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nodes entered.
    Steps,
    /// Messages sent.
    Messages,
    /// Expressions and templates.
    Cost,
    /// The size of the session's variables.
    Variables,
}

/// Why a node failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An expression joined kinds that do not go together.
    Kinds,
    /// A calculation has no finite result.
    NotFinite,
    /// A value is larger than an expression or a variable may hold.
    TooLarge,
    /// The value does not fit the type of its variable.
    WrongType,
    /// The port that was to be taken leads nowhere.
    OpenPort,
    /// The node that was to be entered, or that the session waits at, is not in this version.
    MissingNode,
}
