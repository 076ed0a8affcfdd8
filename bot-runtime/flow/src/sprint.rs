//! What comes of a step.

use botbuilder_domain::{Content, VersionId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    expression::Value,
    flow::NodeId,
    question::{AskFailure, Question},
    session::Session,
};

/// What comes of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// It waits: for the person, an event, an answer that was asked for before, or only for this instant.
    Wait {
        /// The earliest of its timers, in whole milliseconds.
        until: Option<DateTime<Utc>>,
    },
    /// It needs an answer from outside before it can go on.
    Ask {
        /// The question.
        question: Question,
        /// The instant after which it goes on without an answer, in whole milliseconds.
        until: DateTime<Utc>,
    },
    /// Nothing: the flow came to its end, or never began. The next message starts it.
    Done,
}

/// What the commit has to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", content = "value", rename_all = "snake_case")]
pub enum Effect {
    /// A message to the person.
    Reply(Content),
    /// An e-mail.
    Email(Email),
    /// Tags of the contact.
    Tag {
        /// Those it has from now on.
        add: Vec<String>,
        /// Those it does not have any more.
        remove: Vec<String>,
    },
    /// The contact was shown a variant of an experiment.
    Exposed {
        /// The experiment's id.
        experiment: String,
        /// The variant's key.
        variant: String,
    },
    /// Something to be kept with the contact, for all its conversations.
    Remember {
        /// The name of the variable.
        name: String,
        /// What it holds.
        value: Value,
    },
    /// The person said which intent they meant.
    Meant {
        /// The note of the recognition that was not sure.
        note: String,
        /// The intent; none where it was none of those that were offered.
        intent: Option<String>,
    },
    /// A person takes over. The bot is silent until it is given the conversation back.
    Handoff {
        /// What that person should know.
        note: Option<String>,
        /// How urgent it is.
        priority: Priority,
    },
}

/// An e-mail of plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// How urgent a conversation is: `conversations.priority`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "plain words")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
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
    /// The person was reminded.
    Reminded {
        /// The node that waits.
        node: NodeId,
    },
    /// Nobody wrote for so long that the conversation ended.
    Expired {
        /// The node that waited.
        node: NodeId,
    },
    /// The world was asked something.
    Asked {
        /// The node that asks.
        node: NodeId,
        /// The number of the question.
        question: u64,
    },
    /// It answered, or failed to.
    Answered {
        /// The node that asked.
        node: NodeId,
        /// The number of the question.
        question: u64,
    },
    /// What was waited for happened.
    Happened {
        /// The node that waited.
        node: NodeId,
        /// What happened.
        name: String,
    },
    /// A message came while nobody could take it, and waits for its turn.
    Kept,
    /// A flow was called.
    Called {
        /// The node that calls.
        node: NodeId,
        /// The version of the flow.
        version: VersionId,
    },
    /// The flow that was called came to its end.
    Returned {
        /// The node that called.
        node: NodeId,
    },
    /// Another flow of the bot took over.
    Hopped {
        /// The version that was left.
        from: VersionId,
        /// The version that was entered.
        to: VersionId,
    },
    /// The contact belongs to a variant of a split.
    Assigned {
        /// The node that splits.
        node: NodeId,
        /// The variant.
        variant: String,
    },
    /// A text could mean several things, and the person is asked which.
    Unclear {
        /// The node that asks.
        node: NodeId,
    },
    /// The meaning of a message was found, or not.
    Recognized {
        /// The node that asked.
        node: NodeId,
        /// The intent.
        intent: Option<String>,
    },
    /// The conversation was handed to a person.
    HandedOff {
        /// The node that did it.
        node: NodeId,
    },
    /// The input was nothing for this conversation: the timer of an earlier wait, an answer that came too late, an
    /// event that nobody waits for, a message during a pause that takes none.
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
    /// Questions asked outside.
    Calls,
    /// Time since the turn began.
    Time,
    /// Tokens of models.
    Tokens,
    /// Money.
    Money,
    /// Flows that called each other.
    Nesting,
    /// Transitions to other flows.
    Hops,
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
    /// The value does not keep the rules of its variable.
    Invalid,
    /// A variable that a flow needs was not given to it.
    MissingValue,
    /// The port that was to be taken leads nowhere.
    OpenPort,
    /// The node that was to be entered, or that the session waits at, is not in this version.
    MissingNode,
    /// The flow that was to be called, or that the session is in, is not there.
    MissingFlow,
    /// What was to be used is no address, number or instant.
    Unusable,
    /// Nothing in this installation can do it.
    NotAvailable,
    /// A service is not one we call.
    Refused,
    /// Nobody is there.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// The answer cannot be read.
    Unreadable,
    /// A secret that was named is not there.
    MissingSecret,
    /// A service answered with a status other than 2xx.
    Status,
}

impl From<AskFailure> for Reason {
    fn from(failure: AskFailure) -> Self {
        match failure {
            AskFailure::NotAvailable => Self::NotAvailable,
            AskFailure::Refused => Self::Refused,
            AskFailure::Unreachable => Self::Unreachable,
            AskFailure::TimedOut => Self::TimedOut,
            AskFailure::TooLarge => Self::TooLarge,
            AskFailure::Unreadable => Self::Unreadable,
            AskFailure::MissingSecret => Self::MissingSecret,
        }
    }
}
