//! What a flow asks the world, and what it is told.
//!
//! A node that needs something from outside leaves a [`Question`] in its sprint. The runtime stores the session with
//! it, has an executor answer it, and takes the next step with [`crate::Input::Answer`]; the answer is in the record of
//! that step, so a step that is made again asks nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expression::Value;

/// A question to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its number within the conversation, from 1. The answer names it.
    pub id: u64,
    /// What is asked.
    pub ask: Ask,
    /// How long the answer may take, in seconds.
    pub seconds: u32,
}

impl Question {
    /// Whether a person would notice the wait for the answer. What a text means is known at once.
    pub const fn takes_time(&self) -> bool {
        match self.ask {
            Ask::Http(_) | Ask::Respond { .. } | Ask::Knowledge { .. } | Ask::Workflow { .. } => true,
            Ask::Recognize { .. } => false,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A call of an HTTP service: [`Answer::Http`].
    Http(HttpRequest),
    /// What a text means: [`Answer::Recognized`].
    Recognize {
        /// The text.
        text: String,
        /// The language the contact's network tells.
        language: Option<String>,
        /// The intents that the flow tells apart.
        intents: Vec<String>,
    },
    /// A reply of a model: [`Answer::Said`].
    Respond {
        /// The agent; the bot's own where none is named.
        agent: Option<String>,
        /// What the person wants.
        prompt: String,
    },
    /// An answer out of documents: [`Answer::Said`], or [`Answer::NotFound`].
    Knowledge {
        /// The knowledge bases; the bot's own where none is named.
        bases: Vec<String>,
        /// The question.
        question: String,
    },
    /// A run of a workflow of agents: [`Answer::Said`].
    Workflow {
        /// The workflow.
        workflow: String,
        /// What it begins with.
        input: Value,
    },
}

/// An HTTP request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The address.
    pub url: String,
    /// The headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body; its type is among the headers.
    #[serde(default)]
    pub body: Option<String>,
    /// Where secrets are to be filled in. The engine does not know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What the request is to be signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
}

/// A place in a request that a secret fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The header that it is in; the body where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Before which byte of it.
    pub at: usize,
    /// The name of the secret.
    pub name: String,
    /// Whether it stands between the quotes of JSON.
    #[serde(default)]
    pub is_json: bool,
}

/// What a request is signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// What signs everything that is sent to the bot's webhook; where there is nothing, it is not signed.
    Bot,
    /// The secret of this name.
    Secret(String),
}

/// The methods a flow may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "named by the protocol")]
pub enum HttpMethod {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What the world says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// A service answered, whatever its status.
    Http {
        /// The status.
        status: u16,
        /// The headers, names in lower case.
        headers: BTreeMap<String, String>,
        /// The body: what it holds if it is JSON, else its text.
        body: Value,
    },
    /// What the text means.
    Recognized {
        /// The intent, if it is one of the bot's.
        intent: Option<String>,
        /// How sure that is, from 0 to 1.
        confidence: f64,
        /// What else is in the text, by entity.
        entities: Value,
        /// Whether that is enough to take the intent, by the thresholds that training chose.
        #[serde(default = "yes")]
        accepted: bool,
        /// The intents that it may be, the most likely first, where it is close enough to ask the person.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        close: Vec<Close>,
        /// The note of this recognition, for whoever learns later what was meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A text for the person.
    Said {
        /// The text.
        text: String,
        /// What it took.
        #[serde(default)]
        usage: Usage,
    },
    /// There is nothing about it in the documents.
    NotFound,
    /// There is no answer.
    Failed {
        /// Why.
        failure: AskFailure,
    },
}

/// An intent that a text may mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// Its name.
    pub intent: String,
    /// What a person reads.
    pub title: String,
}

fn yes() -> bool {
    true
}

/// What an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of models.
    pub tokens: u64,
    /// Millionths of the currency's major unit.
    pub micros: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskFailure {
    /// Nothing in this installation can answer such a question.
    NotAvailable,
    /// The question is not one we put to anybody: its address is refused, or it cannot be written.
    Refused,
    /// Nobody is there.
    Unreachable,
    /// There was none in time.
    TimedOut,
    /// It is larger than we read.
    TooLarge,
    /// It cannot be read.
    Unreadable,
    /// A secret that it names is not there.
    MissingSecret,
}
