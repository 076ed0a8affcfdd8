//! Several flows of one bot, and how control passes between them.
//!
//! A transition leads from one flow to another when its trigger fires. They are tried in their order; the flow that is
//! entered begins at its start. What the triggers mean:
//!
//! | Trigger | Fires |
//! | --- | --- |
//! | `on_keyword` | on a message with the keyword, before the flow takes it; what a menu offers goes before |
//! | `on_intent` | on a message that means the intent, before the flow takes it |
//! | `on_event` | on an event that no node waits for |
//! | `on_timeout` | after so many seconds without a word of the person |
//! | `on_condition` | when the flow waits or has ended, and the expression is true |
//! | `on_complete` | when the flow has ended; `outcome` names the node it ended at |
//! | `on_error` | when the flow failed and no node took it; `codes` names reasons and limits |
//! | `always` | when the flow has ended or failed |

use std::{collections::BTreeMap, sync::Arc};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    KeywordMatch,
    definition::VariableType,
    expression::{Expression, Value},
    variable::Validation,
};

/// How flows follow each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orchestration {
    /// The flow a conversation begins with.
    pub entry: String,
    /// Where control passes, the more important first.
    pub transitions: Vec<Transition>,
    /// What happens on a failure that no transition takes.
    pub on_error: OnError,
    /// Most transitions of one turn.
    pub max_hops: u32,
    /// After how many seconds without a word a conversation ends, where its flow does not say.
    pub expire_seconds: Option<u32>,
    /// Variables that the flows share.
    pub variables: BTreeMap<Arc<str>, Shared>,
}

/// A way from one flow to another. Flows go by their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transition {
    /// Its id.
    pub id: String,
    /// The flow it leaves.
    pub from: String,
    /// The flow it enters.
    pub to: String,
    /// When.
    pub trigger: Trigger,
    /// Whether the variables go along.
    pub keeps_variables: bool,
}

/// When a transition is taken. Written as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
#[expect(missing_docs, reason = "the table of the module says what they are")]
pub enum Trigger {
    Complete { outcome: Option<String> },
    Condition(Expression),
    Intent { intent: String, min_confidence: f64 },
    Keyword(Keywords),
    Event { event: String, matches: BTreeMap<String, Value> },
    Timeout { seconds: u32 },
    Error { codes: Vec<String> },
    Always,
}

/// Words that a message is looked at for.
#[derive(Debug, Clone)]
pub enum Keywords {
    /// In small letters, without outer spaces.
    Words(Vec<String>, KeywordMatch),
    /// Patterns of linear time.
    Patterns(Vec<Regex>),
}

/// What happens on a failure that nobody takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The bot says its fallback message, and the conversation ends.
    Stop,
    /// Another flow begins.
    Flow(String),
    /// The bot says its fallback message, and a person takes over.
    Handoff,
}

/// A variable that flows share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// How long it holds.
    pub scope: Scope,
    /// What it holds.
    pub kind: VariableType,
    /// What it holds where nothing was set.
    pub default: Value,
    /// What it may hold.
    #[serde(default, skip_serializing_if = "Validation::is_empty")]
    pub validation: Validation,
    /// Whether it is kept from flows that do not declare it as a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_secret: bool,
}

impl Shared {
    /// A variable without rules that is no secret.
    pub fn new(scope: Scope, kind: VariableType, default: Value) -> Self {
        Self { scope, kind, default, validation: Validation::default(), is_secret: false }
    }

    /// Whether whoever starts the flows from outside may set it: it is no constant, and no secret, which must not lie in
    /// a record.
    pub fn may_be_given(&self) -> bool {
        self.scope != Scope::Bot && !self.is_secret
    }

    /// A value from outside, as it holds it. The error says why it cannot.
    pub fn take(&self, value: Value) -> Result<Value, &'static str> {
        let held = self.kind.hold(value).ok_or("is not of the variable's type")?;
        if self.validation.is_kept_by(&held) { Ok(held) } else { Err("does not keep the variable's rules") }
    }
}

/// How long a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Until the end of the turn.
    Turn,
    /// Until the end of the conversation.
    Session,
    /// As long as the contact is known: every conversation with it begins with what was set last.
    Contact,
    /// For ever: it cannot be set.
    Bot,
}

/// Longest pattern of a keyword, in bytes.
const PATTERN_MAX: usize = 200;
/// Largest compiled pattern, in bytes.
const COMPILED_MAX: usize = 64 * 1_024;

#[derive(Deserialize)]
struct Complete {
    outcome: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    expression: String,
}

#[derive(Deserialize)]
struct Intent {
    intent: String,
    min_confidence: Option<f64>,
}

#[derive(Deserialize)]
struct Keyword {
    keywords: Vec<String>,
    #[serde(rename = "match")]
    matches: Option<String>,
}

#[derive(Deserialize)]
struct Happens {
    event: String,
    #[serde(rename = "match", default)]
    matches: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
struct Timeout {
    seconds: u32,
}

#[derive(Deserialize)]
struct Codes {
    #[serde(default)]
    codes: Vec<String>,
}

/// A trigger as `flow_transitions` holds it.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: String,
    value: Json,
}

impl TryFrom<Stored> for Trigger {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        Self::read(&stored.kind, &stored.value)
    }
}

impl From<Trigger> for Stored {
    fn from(trigger: Trigger) -> Self {
        let (kind, value) = match trigger {
            Trigger::Complete { outcome } => ("on_complete", json!({ "outcome": outcome })),
            Trigger::Condition(expression) => ("on_condition", json!({ "expression": expression.source() })),
            Trigger::Intent { intent, min_confidence } => {
                ("on_intent", json!({ "intent": intent, "min_confidence": min_confidence }))
            }
            Trigger::Keyword(Keywords::Words(words, matches)) => {
                ("on_keyword", json!({ "keywords": words, "match": matches }))
            }
            Trigger::Keyword(Keywords::Patterns(patterns)) => {
                let patterns: Vec<&str> = patterns.iter().map(Regex::as_str).collect();
                ("on_keyword", json!({ "keywords": patterns, "match": "pattern" }))
            }
            Trigger::Event { event, matches } => ("on_event", json!({ "event": event, "match": matches })),
            Trigger::Timeout { seconds } => ("on_timeout", json!({ "seconds": seconds })),
            Trigger::Error { codes } => ("on_error", json!({ "codes": codes })),
            Trigger::Always => ("always", json!({})),
        };
        Self { kind: kind.to_owned(), value }
    }
}

impl Trigger {
    /// Reads `flow_transitions.trigger_type` and `trigger_value`. The error says what is wrong.
    pub fn read(kind: &str, value: &Json) -> Result<Self, String> {
        fn of<'j, T: Deserialize<'j>>(value: &'j Json) -> Result<T, String> {
            T::deserialize(value).map_err(|error| error.to_string())
        }
        Ok(match kind {
            "on_complete" => Self::Complete { outcome: of::<Complete>(value)?.outcome },
            "on_condition" => {
                let text = of::<Condition>(value)?.expression;
                Self::Condition(Expression::parse(&text).map_err(|error| error.to_string())?)
            }
            "on_intent" => {
                let Intent { intent, min_confidence } = of(value)?;
                Self::Intent { intent, min_confidence: min_confidence.unwrap_or(0.5) }
            }
            "on_keyword" => Self::Keyword(Keywords::read(of(value)?)?),
            "on_event" => {
                let Happens { event, matches } = of(value)?;
                let matches = matches.into_iter().map(|(name, json)| Some((name, Value::from_json(&json)?)));
                let matches = matches.collect::<Option<_>>().ok_or("`match` is too large")?;
                Self::Event { event, matches }
            }
            "on_timeout" => Self::Timeout { seconds: of::<Timeout>(value)?.seconds },
            "on_error" => Self::Error { codes: of::<Codes>(value)?.codes },
            "always" => Self::Always,
            other => return Err(format!("there is no trigger `{other}`")),
        })
    }
}

/// Compiles a pattern of keywords. The error says what is wrong.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_MAX {
        return Err(format!("a pattern has up to {PATTERN_MAX} bytes"));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(COMPILED_MAX)
        .build()
        .map_err(|error| format!("a pattern cannot be read: {error}"))
}

impl Keywords {
    fn read(Keyword { keywords, matches }: Keyword) -> Result<Self, String> {
        let words = || keywords.iter().map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty());
        match matches.as_deref() {
            None | Some("exact") => Ok(Self::Words(words().collect(), KeywordMatch::Exact)),
            Some("contains") => Ok(Self::Words(words().collect(), KeywordMatch::Contains)),
            Some("pattern") => {
                keywords.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>().map(Self::Patterns)
            }
            Some(other) => Err(format!("there is no match `{other}`")),
        }
    }

    /// Whether a message is one of them. Where free text was asked for, only a whole message is.
    pub(crate) fn match_text(&self, text: &str, asked_for_text: bool) -> bool {
        match self {
            Self::Words(words, KeywordMatch::Exact) => {
                let text = text.trim().to_lowercase();
                words.contains(&text)
            }
            Self::Words(words, KeywordMatch::Contains) => {
                let text = text.to_lowercase();
                !asked_for_text && words.iter().any(|word| text.contains(word))
            }
            Self::Patterns(patterns) => {
                !asked_for_text && patterns.iter().any(|pattern| pattern.is_match(text))
            }
        }
    }
}

impl Orchestration {
    /// Most transitions of a turn, where nobody says how many.
    pub(crate) const HOPS: u32 = 20;

    /// What holds for a bot without one, whose conversations begin with this flow: no transition, no variables.
    pub fn none(entry: String) -> Self {
        Self {
            entry,
            transitions: Vec::new(),
            on_error: OnError::Stop,
            max_hops: Self::HOPS,
            expire_seconds: None,
            variables: BTreeMap::new(),
        }
    }

    /// The flows that it may enter, by their ids; one may be named more than once.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        let fallback = match &self.on_error {
            OnError::Flow(flow) => Some(flow.as_str()),
            OnError::Stop | OnError::Handoff => None,
        };
        self.transitions.iter().map(|one| one.to.as_str()).chain([self.entry.as_str()]).chain(fallback)
    }

    /// The names of the variables that are kept with the contact.
    pub fn contact_variables(&self) -> impl Iterator<Item = &str> {
        let kept = self.variables.iter().filter(|(_, shared)| shared.scope == Scope::Contact);
        kept.map(|(name, _)| &**name)
    }

    /// The transitions out of a flow.
    pub(crate) fn from<'o>(&'o self, flow: &'o str) -> impl Iterator<Item = &'o Transition> + 'o {
        self.transitions.iter().filter(move |one| one.from == flow)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn triggers_are_read_as_they_are_stored() {
        for (kind, value) in [
            ("always", json!({})),
            ("on_complete", json!({ "outcome": "paid" })),
            ("on_condition", json!({ "expression": "count > 3" })),
            ("on_intent", json!({ "intent": "help", "min_confidence": 0.7 })),
            ("on_keyword", json!({ "keywords": ["^help"], "match": "pattern" })),
            ("on_event", json!({ "event": "order.paid", "match": { "order": 7 } })),
            ("on_timeout", json!({ "seconds": 60 })),
            ("on_error", json!({ "codes": ["timed_out"] })),
        ] {
            let trigger = Trigger::read(kind, &value).unwrap_or_else(|error| panic!("{kind}: {error}"));
            let written = json!(trigger);
            assert_eq!(written["kind"], kind);
            let again: Trigger = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(json!(again), written);
        }
        for (kind, value) in [
            ("sometimes", json!({})),
            ("on_condition", json!({ "expression": "count >" })),
            ("on_intent", json!({})),
            ("on_keyword", json!({ "keywords": ["("], "match": "pattern" })),
            ("on_keyword", json!({ "keywords": ["a"], "match": "roughly" })),
            ("on_timeout", json!({ "seconds": -1 })),
        ] {
            assert!(Trigger::read(kind, &value).is_err(), "{kind}");
        }
    }

    #[test]
    fn keywords_are_whole_messages_parts_or_patterns() {
        let words = |matches: &str| {
            let value = json!({ "keywords": [" Help "], "match": matches });
            let Ok(Trigger::Keyword(words)) = Trigger::read("on_keyword", &value) else {
                panic!("{matches}")
            };
            words
        };
        assert!(words("exact").match_text(" HELP", true) && !words("exact").match_text("help me", false));
        assert!(words("contains").match_text("I need help!", false));
        assert!(!words("contains").match_text("I need help!", true));
        assert!(
            words("pattern").match_text("a HELP b", false) && !words("pattern").match_text("help", false)
        );
    }
}
