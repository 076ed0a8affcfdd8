//! Where a conversation stands: what `conversations.runtime_state` holds.

use std::{collections::BTreeMap, sync::Arc};

use botbuilder_domain::{ChoiceOption, VersionId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{expression::Value, flow::NodeId, input::Input};

/// The shape of a session. A program refuses to read a shape it does not know, so that an older one cannot
/// damage what a newer one wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Schema;

/// The shape written by this program.
const SCHEMA: u32 = 1;
/// Most messages that wait for their turn.
const KEPT_MAX: usize = 32;
/// How much they may take, in bytes of JSON.
const KEPT_BYTES_MAX: usize = 64 * 1_024;

impl From<Schema> for u32 {
    fn from(_: Schema) -> Self {
        SCHEMA
    }
}

impl TryFrom<u32> for Schema {
    type Error = String;

    fn try_from(schema: u32) -> Result<Self, Self::Error> {
        if schema == SCHEMA { Ok(Self) } else { Err(format!("session schema {schema} is not known")) }
    }
}

/// Variables that were set, by name.
pub type Variables = BTreeMap<Arc<str>, Value>;

/// Where a conversation stands. [`Session::default`] is a conversation that has not begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    schema: Schema,
    /// The version of the flow that the conversation began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<VersionId>,
    /// The version of the flow at work, where that is one that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) called: Option<VersionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<NodeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Wait>,
    /// The question whose answer it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<Pending>,
    /// What the person is asked to choose from, where a text could mean several things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meant: Option<Box<Meant>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variables: Variables,
    /// The flows that called, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) frames: Vec<Frame>,
    /// Messages that wait for their turn, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) kept: Vec<Input>,
    #[serde(default)]
    pub(crate) sprints: u64,
    /// How many questions were asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) asked: u64,
    #[serde(default)]
    pub(crate) ended: bool,
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// What a session waits for: the person, an event, or only an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// When it stops to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<DateTime<Utc>>,
    /// How many answers did not fit so far.
    #[serde(default)]
    pub(crate) retries: u32,
    /// When the conversation ends if nobody writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<DateTime<Utc>>,
    /// When the person is reminded next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reminder: Option<DueReminder>,
    /// When the silence of the person leads to another flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) silence: Option<DateTime<Utc>>,
}

/// A reminder that is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DueReminder {
    /// Its place among the node's reminders.
    pub(crate) index: usize,
    pub(crate) due: DateTime<Utc>,
}

impl Wait {
    /// Only until an instant.
    pub(crate) fn until(until: Option<DateTime<Utc>>) -> Self {
        Self { until, retries: 0, expires: None, reminder: None, silence: None }
    }

    fn next_timer(&self) -> Option<DateTime<Utc>> {
        let reminder = self.reminder.map(|reminder| reminder.due);
        [self.until, self.expires, self.silence, reminder].into_iter().flatten().min()
    }
}

/// A question that was asked, and the rest of the turn that asked it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) question: u64,
    /// After this instant there will be no answer.
    pub(crate) until: DateTime<Utc>,
    pub(crate) spent: Spent,
    #[serde(default)]
    pub(crate) text: Value,
    #[serde(default)]
    pub(crate) payload: Value,
    /// The message whose meaning was asked for before any flow takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) routing: Option<Box<Input>>,
}

/// What a text could mean, as the person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meant {
    /// The intents by their names, with what the person reads; the last is none of them.
    pub(crate) options: Vec<ChoiceOption>,
    /// The note of the recognition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What a turn has used up so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// When the turn began.
    pub(crate) since: DateTime<Utc>,
    pub(crate) steps: u32,
    pub(crate) messages: u32,
    pub(crate) asks: u32,
    pub(crate) tokens: u64,
    pub(crate) micros: u64,
    pub(crate) cost: u64,
    /// Whether an `error` port was taken.
    #[serde(default)]
    pub(crate) failed: bool,
    /// Transitions to other flows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) hops: u32,
}

/// A flow that called another, and where it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// Its version, where it was called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) called: Option<VersionId>,
    /// The node that calls.
    pub(crate) node: NodeId,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variables: Variables,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            schema: Schema,
            version: None,
            called: None,
            node: None,
            wait: None,
            pending: None,
            meant: None,
            variables: BTreeMap::new(),
            frames: Vec::new(),
            kept: Vec::new(),
            sprints: 0,
            asked: 0,
            ended: false,
        }
    }
}

impl Session {
    /// The version the conversation is bound to: the next step is to be made with a bot of this version.
    /// None while the conversation has not begun and after it ended; then the published version is used.
    pub fn version(&self) -> Option<VersionId> {
        if self.ended { None } else { self.version }
    }

    /// The versions of the flows that were called and are at work: the next step needs them in its library.
    pub fn called_versions(&self) -> impl Iterator<Item = VersionId> + '_ {
        self.frames.iter().map(|frame| frame.called).chain([self.called]).flatten()
    }

    /// The node the conversation is at, in the flow at work.
    pub fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    /// The node of the flow the conversation began with: where it is, or where it called another flow.
    pub fn node_of_first_flow(&self) -> Option<&NodeId> {
        self.frames.first().map_or(self.node.as_ref(), |frame| Some(&frame.node))
    }

    /// Whether it waits: for the person, an event, an instant or an answer.
    pub fn is_waiting(&self) -> bool {
        self.wait.is_some() || self.pending.is_some()
    }

    /// The number of the question whose answer it waits for.
    pub fn waits_for_answer(&self) -> Option<u64> {
        self.pending.as_ref().map(|pending| pending.question)
    }

    /// Whether one more message can wait for its turn. Where not, it is to be handed over again later.
    pub fn can_keep(&self, input: &Input) -> bool {
        let bytes = |input: &Input| serde_json::to_vec(input).map_or(usize::MAX, |json| json.len());
        let kept: usize = self.kept.iter().map(bytes).sum();
        self.kept.len() < KEPT_MAX && kept.saturating_add(bytes(input)) <= KEPT_BYTES_MAX
    }

    /// How many messages wait for their turn.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The earliest of its timers: `conversations.next_timer_at`. In whole milliseconds.
    pub fn next_timer(&self) -> Option<DateTime<Utc>> {
        match &self.pending {
            Some(pending) => Some(pending.until),
            None => self.wait.and_then(|wait| wait.next_timer()),
        }
    }

    /// The variables that were set in the flow at work.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// How many steps were made, over all runs of the flow.
    pub fn sprints(&self) -> u64 {
        self.sprints
    }

    /// Whether the flow came to its end. The next message starts it again.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many bytes all variables take as JSON, those of the flows that called included.
    pub(crate) fn variables_bytes(&self) -> usize {
        let frames = self.frames.iter().map(|frame| variables_bytes(&frame.variables));
        variables_bytes(&self.variables) + frames.sum::<usize>()
    }
}

/// How many bytes the variables take as JSON.
pub(crate) fn variables_bytes(variables: &Variables) -> usize {
    variables.iter().map(|(name, value)| variable_bytes(name, value)).sum()
}

/// How many bytes a variable takes: two quotes, a colon and a comma beside its name and value.
pub(crate) fn variable_bytes(name: &str, value: &Value) -> usize {
    name.len() + 4 + value_bytes(value)
}

/// How many bytes a value takes as JSON, never too low.
pub(crate) fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        // The longest form of a double in JSON.
        Value::Number(_) => 25,
        Value::Text(text) => text_bytes(text),
        Value::List(items) => 2 + items.iter().map(|item| 1 + value_bytes(item)).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(name, value)| text_bytes(name) + 2 + value_bytes(value)).sum::<usize>()
        }
    }
}

fn text_bytes(text: &str) -> usize {
    2 + text.bytes().map(escaped_bytes).sum::<usize>()
}

fn escaped_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_session_is_small_and_survives_json() {
        let json = serde_json::to_string(&Session::default()).unwrap();
        assert_eq!(json, r#"{"schema":1,"sprints":0,"ended":false}"#);
        assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), Session::default());
    }

    #[test]
    fn a_shape_of_a_later_program_is_refused() {
        let error = serde_json::from_str::<Session>(r#"{"schema":2}"#).unwrap_err().to_string();
        assert!(error.starts_with("session schema 2 is not known"), "{error}");
    }

    #[test]
    fn sizes_are_never_counted_too_low() {
        for value in [
            Value::Null,
            Value::Bool(false),
            Value::Number(-1.797_693_134_862_315_7e308),
            Value::text("a\"\\\n\u{1}ä€😀\u{7f}"),
            Value::list([Value::Null, Value::object([("\"", Value::list([])), ("b", Value::text("\n"))])]),
        ] {
            let variables = BTreeMap::from([(Arc::from("name"), value)]);
            let json = serde_json::to_string(&variables).unwrap();
            assert!(variables_bytes(&variables) + 2 >= json.len(), "{json}");
        }
    }
}
