//! What a bot is taught: intents with examples, keywords, entities, and what it is not for.

use serde::{Deserialize, Serialize};

use crate::text::Language;

/// Everything an author wrote about understanding, and what an import or an export carries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Corpus {
    /// The language of texts that name none.
    #[serde(default)]
    pub language: Language,
    /// What people may want.
    #[serde(default)]
    pub intents: Vec<Intent>,
    /// What people may mention.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// Words that decide alone.
    #[serde(default)]
    pub keywords: Vec<Keyword>,
    /// Texts that belong to no intent, from the review queue.
    #[serde(default)]
    pub out_of_scope: Vec<String>,
}

/// Something a person may want.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// An identifier, unique in the bot. Its words count as an example.
    pub name: String,
    /// How people say it.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// Score from which this intent is taken, instead of the trained one; 0 to 1.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_score: Option<f32>,
}

/// One thing people said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// As written.
    pub text: String,
    /// Where it is not the corpus's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The values in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Annotation>,
}

impl Example {
    /// A text without annotations.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A span of an example that is a value of an entity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// The entity's name.
    pub entity: String,
    /// What it stands for, where that is not the words themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The part it plays, as in *from* and *to*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A word or phrase that means an intent wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyword {
    /// The phrase.
    pub phrase: String,
    /// The intent's name.
    pub intent: String,
    /// Whether it must be the whole message.
    #[serde(default)]
    pub whole: bool,
}

/// A kind of value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// An identifier, unique in the bot.
    pub name: String,
    /// How it is found.
    #[serde(flatten)]
    pub kind: EntityKind,
    /// Whether its values are hidden before anything is logged.
    #[serde(default)]
    pub sensitive: bool,
}

/// How the values of an entity are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntityKind {
    /// Known values and their synonyms.
    List {
        /// What there is.
        values: Vec<ListValue>,
        /// Whether typing mistakes are forgiven.
        #[serde(default = "yes")]
        fuzzy: bool,
    },
    /// A regular expression; the value is its first group, or all of it.
    Pattern {
        /// In the syntax of the `regex` crate: linear time, no look-around.
        pattern: String,
    },
    /// One of the built-in kinds.
    System {
        /// Which.
        system: SystemType,
    },
    /// Learned from annotated examples, or what a question asks for.
    FreeText,
}

impl Default for EntityKind {
    fn default() -> Self {
        Self::List { values: Vec::new(), fuzzy: true }
    }
}

fn yes() -> bool {
    true
}

/// A value of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListValue {
    /// What is handed on.
    pub value: String,
    /// What else it is called.
    #[serde(default)]
    pub synonyms: Vec<String>,
}

/// The built-in kinds of value (`entities.system_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemType {
    /// `12`, `1.5 million`, `twenty-one`.
    Number,
    /// `tomorrow`, `3 May`, `2026-05-03`.
    Date,
    /// `7:30 pm`, `noon`.
    Time,
    /// `a@b.example`.
    Email,
    /// `+49 30 123456`.
    Phone,
    /// `https://a.example/b`.
    Url,
    /// `$25.50`, `20 euros`.
    Currency,
    /// `two and a half hours`.
    Duration,
    /// Countries and big cities.
    Location,
}
