//! Where a conversation stands: what `conversations.runtime_state` holds.

use std::{collections::BTreeMap, sync::Arc};

use botbuilder_domain::VersionId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{expression::Value, flow::NodeId};

/// The shape of a session. A program refuses to read a shape it does not know, so that an older one cannot
/// damage what a newer one wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Schema;

/// The shape written by this program.
const SCHEMA: u32 = 1;

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

/// Where a conversation stands. [`Session::default`] is a conversation that has not begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    schema: Schema,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<VersionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<NodeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Wait>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variables: BTreeMap<Arc<str>, Value>,
    #[serde(default)]
    pub(crate) sprints: u64,
    #[serde(default)]
    pub(crate) ended: bool,
}

/// What a session waits for: the person, until an instant or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<DateTime<Utc>>,
    /// How many answers did not fit so far.
    #[serde(default)]
    pub(crate) retries: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            schema: Schema,
            version: None,
            node: None,
            wait: None,
            variables: BTreeMap::new(),
            sprints: 0,
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

    /// The node the conversation is at.
    pub fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    /// Whether it waits for the person.
    pub fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// The instant at which it stops to wait: `conversations.next_timer_at`. In whole milliseconds.
    pub fn waits_until(&self) -> Option<DateTime<Utc>> {
        self.wait.and_then(|wait| wait.until)
    }

    /// The variables that were set.
    pub fn variables(&self) -> &BTreeMap<Arc<str>, Value> {
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
}

/// How many bytes the variables take as JSON.
pub(crate) fn variables_bytes(variables: &BTreeMap<Arc<str>, Value>) -> usize {
    variables.iter().map(|(name, value)| variable_bytes(name, value)).sum()
}

/// How many bytes a variable takes: two quotes, a colon and a comma beside its name and value.
pub(crate) fn variable_bytes(name: &str, value: &Value) -> usize {
    name.len() + 4 + value_bytes(value)
}

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
