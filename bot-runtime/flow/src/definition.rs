//! The JSON of a flow, as the editor writes it and `bot_flows` and `entity_versions` keep it.
//!
//! ```json
//! {"schema": 1,
//!  "nodes": [{"id": "hello", "type": "message", "position": {"x": 0, "y": 0}, "data": {"text": "Hi"}}],
//!  "edges": [{"id": "e1", "source": "begin", "target": "hello", "port": "next"}],
//!  "variables": [{"name": "order", "type": "string", "default": ""}],
//!  "settings": {"time_zone": "Europe/Berlin"}}
//! ```
//!
//! Reading it collects every problem: an element that cannot be read is named and left out.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};

use crate::{
    clock::Zone,
    expression::{Value, is_reserved},
    nodes::NodeKind,
    problem::{Code, Problem},
    variable::Validation,
};

/// Longest definition, in bytes of JSON.
pub const BYTES_MAX: usize = 1 << 20;
/// Most nodes.
pub const NODES_MAX: usize = 500;
/// Most edges.
pub const EDGES_MAX: usize = 2_000;
/// Most variables.
pub const VARIABLES_MAX: usize = 100;
/// Longest wait: thirty days, in seconds.
pub const SECONDS_MAX: u32 = 2_592_000;
/// Longest id of a node or an option, or name of a variable, in characters.
pub const NAME_MAX: usize = 64;

/// A definition, its nodes read.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) nodes: Vec<(String, NodeKind)>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) settings: FlowSettings,
}

/// Joins a port of a node to another node.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an edge")]
pub(crate) struct Edge {
    /// Empty where it is not given.
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) target: String,
    /// `next` where it is not given or empty.
    #[serde(default)]
    pub(crate) port: Option<String>,
}

impl Edge {
    pub(crate) fn port(&self) -> &str {
        self.port.as_deref().filter(|port| !port.is_empty()).unwrap_or("next")
    }
}

/// A declared variable.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a variable")]
pub(crate) struct Variable {
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: VariableType,
    #[serde(default)]
    pub(crate) default: Value,
    /// Whether its value is shown to nobody: it goes into calls of services and into conditions, and nowhere else.
    #[serde(default)]
    pub(crate) secret: bool,
    /// Whether whoever sets variables from outside, as a call of the flow does, must give it.
    #[serde(default)]
    pub(crate) required: bool,
    /// What it may hold.
    #[serde(default)]
    pub(crate) validation: Validation,
    /// For the author.
    #[serde(default, rename = "description")]
    pub(crate) _description: Option<String>,
}

/// What a variable may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableType {
    /// A text.
    #[default]
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day, as `2026-01-31`.
    Date,
    /// Values in order.
    List,
    /// Values by name.
    Object,
}

impl VariableType {
    /// The value as this type holds it, if it can. Every type holds nothing.
    pub fn hold(self, value: Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => Some(Value::Null),
            (Self::String, Value::Text(text)) => Some(Value::Text(text)),
            (Self::String, other) => Some(Value::text(other.to_string())),
            (Self::Number, value) => value.as_number().map(Value::Number),
            (Self::Boolean, Value::Bool(value)) => Some(Value::Bool(value)),
            (Self::Boolean, Value::Text(text)) => text.trim().parse().ok().map(Value::Bool),
            (Self::Date, Value::Text(text)) => {
                let day = chrono::NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
                Some(Value::text(day.format("%Y-%m-%d").to_string()))
            }
            (Self::List, Value::List(items)) => Some(Value::List(items)),
            (Self::Object, Value::Object(fields)) => Some(Value::Object(fields)),
            // What came as JSON in a text is what it holds.
            (Self::List | Self::Object, Value::Text(text)) => {
                let value = Value::from_json(&serde_json::from_str(&text).ok()?)?;
                let fits = match self {
                    Self::List => matches!(value, Value::List(_)),
                    _ => matches!(value, Value::Object(_)),
                };
                fits.then_some(value)
            }
            (Self::Boolean | Self::Date | Self::List | Self::Object, _) => None,
        }
    }
}

/// What holds for the whole flow.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowSettings {
    /// After how many seconds without a word of the person a conversation that waits for one ends.
    #[serde(default)]
    pub(crate) expire_seconds: Option<u32>,
    /// The flow's clock; without it that of the bot's working hours.
    #[serde(default)]
    pub(crate) time_zone: Option<Zone>,
    /// How far the flow's clock is ahead of UTC, in minutes, all year, from -1440 to 1440. Instead of a time zone.
    #[serde(default)]
    pub(crate) utc_offset_minutes: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a node")]
struct RawNode {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Where the editor draws it.
    #[serde(default, rename = "position")]
    _position: Json,
    #[serde(default)]
    data: Option<Json>,
}

/// Reads a definition and adds what is wrong with it to `problems`.
pub(crate) fn read(json: &Json, problems: &mut Vec<Problem>) -> Definition {
    let Json::Object(fields) = json else {
        problems.push(Problem::flow(Code::Malformed, "the definition is not an object"));
        return Definition::default();
    };
    if serde_json::to_string(json).is_ok_and(|text| text.len() > BYTES_MAX) {
        problems.push(Problem::flow(Code::TooLarge, format!("longer than {BYTES_MAX} bytes")));
        return Definition::default();
    }
    let known = ["schema", "nodes", "edges", "variables", "settings"];
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        problems.push(Problem::flow(Code::Malformed, format!("unknown field `{name}`")));
    }
    if fields.get("schema") != Some(&Json::from(1)) {
        problems.push(Problem::flow(Code::Malformed, "`schema` is not 1"));
    }
    let settings = match fields.get("settings") {
        None => FlowSettings::default(),
        Some(json) => FlowSettings::deserialize(json).unwrap_or_else(|error| {
            problems.push(Problem::flow(Code::Malformed, format!("`settings`: {error}")));
            FlowSettings::default()
        }),
    };
    if settings.utc_offset_minutes.is_some() && settings.time_zone.is_some() {
        let message = "`settings` has both `time_zone` and `utc_offset_minutes`";
        problems.push(Problem::flow(Code::Malformed, message));
    }
    if settings.utc_offset_minutes.is_some_and(|minutes| !(-24 * 60..=24 * 60).contains(&minutes)) {
        problems.push(Problem::flow(Code::Malformed, "`utc_offset_minutes` is more than a day"));
    }
    if settings.expire_seconds.is_some_and(|seconds| !(60..=SECONDS_MAX).contains(&seconds)) {
        let message = format!("`expire_seconds` is not between 60 and {SECONDS_MAX}");
        problems.push(Problem::flow(Code::Malformed, message));
    }
    let variables: Vec<Variable> = read_list(fields, "variables", VARIABLES_MAX, problems);
    for variable in &variables {
        check_variable(variable, problems);
    }
    let nodes = read_list(fields, "nodes", NODES_MAX, problems);
    Definition {
        nodes: nodes.into_iter().filter_map(|node| read_node(node, problems)).collect(),
        edges: read_list(fields, "edges", EDGES_MAX, problems),
        variables,
        settings,
    }
}

/// Reads a list element by element. One that cannot be read is a problem and left out.
fn read_list<T: DeserializeOwned>(
    fields: &Map<String, Json>,
    name: &str,
    most: usize,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let items = match fields.get(name) {
        None => return Vec::new(),
        Some(Json::Array(items)) if items.len() <= most => items,
        Some(Json::Array(items)) => {
            let message = format!("{} {name}, {most} are allowed", items.len());
            problems.push(Problem::flow(Code::TooLarge, message));
            return Vec::new();
        }
        Some(_) => {
            problems.push(Problem::flow(Code::Malformed, format!("`{name}` is not a list")));
            return Vec::new();
        }
    };
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match T::deserialize(item) {
            Ok(item) => read.push(item),
            Err(error) => problems.push(unreadable(name, index, item, &error.to_string())),
        }
    }
    read
}

/// Names the element by its own id where it has one.
fn unreadable(list: &str, index: usize, item: &Json, error: &str) -> Problem {
    let text = |field: &str| item.get(field).and_then(Json::as_str);
    match (list, text("id"), text("name")) {
        ("nodes", Some(id), _) => Problem::node(Code::Malformed, id, error),
        ("edges", Some(id), _) => Problem::edge(Code::Malformed, id, text("source").unwrap_or("?"), error),
        ("variables", _, Some(name)) => Problem::variable(Code::Malformed, name, error),
        _ => Problem::flow(Code::Malformed, format!("`{list}[{index}]`: {error}")),
    }
}

fn read_node(node: RawNode, problems: &mut Vec<Problem>) -> Option<(String, NodeKind)> {
    if node.id.is_empty() || node.id.chars().count() > NAME_MAX {
        let message = format!("an id has 1 to {NAME_MAX} characters");
        problems.push(Problem::node(Code::Malformed, &node.id, message));
        return None;
    }
    let data = node.data.unwrap_or_else(|| Json::Object(Map::new()));
    match NodeKind::read(&node.kind, &data) {
        Ok(kind) => {
            let faults = kind.behaviour().check();
            problems.extend(faults.into_iter().map(|fault| Problem::node(Code::Malformed, &node.id, fault)));
            Some((node.id, kind))
        }
        Err(error) => {
            problems.push(Problem::node(Code::Malformed, &node.id, error.to_string()));
            None
        }
    }
}

fn check_variable(variable: &Variable, problems: &mut Vec<Problem>) {
    let mut letters = variable.name.chars();
    let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && variable.name.len() <= NAME_MAX;
    if !is_name || is_reserved(&variable.name) {
        let message = format!(
            "not a name: up to {NAME_MAX} letters, digits and underscores, and no word of the expression language"
        );
        problems.push(Problem::variable(Code::Malformed, &variable.name, message));
    }
    if variable.secret && variable.default != Value::Null {
        let message = "a secret has no default: a definition is no place for it";
        problems.push(Problem::variable(Code::Malformed, &variable.name, message));
    }
    let fault = match variable.kind.hold(variable.default.clone()) {
        None => Some("the default is not of the variable's type".to_owned()),
        Some(default) => variable.validation.fault(variable.kind).or_else(|| {
            let kept = variable.validation.is_kept_by(&default);
            (!kept).then(|| "the default does not keep the variable's rules".to_owned())
        }),
    };
    problems.extend(fault.map(|fault| Problem::variable(Code::Malformed, &variable.name, fault)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_what_can_be_read_as_it() {
        let hold = |kind: VariableType, text: &str| kind.hold(Value::text(text));
        assert_eq!(hold(VariableType::Number, " 4.5"), Some(Value::Number(4.5)));
        assert_eq!(hold(VariableType::Number, "x"), None);
        assert_eq!(hold(VariableType::Boolean, "true"), Some(Value::Bool(true)));
        assert_eq!(hold(VariableType::Boolean, "yes"), None);
        assert_eq!(hold(VariableType::Date, "2026-02-28"), Some(Value::text("2026-02-28")));
        assert_eq!(hold(VariableType::Date, "2026-02-30"), None);
        assert_eq!(VariableType::String.hold(Value::Number(3.0)), Some(Value::text("3")));
        assert_eq!(VariableType::Date.hold(Value::Null), Some(Value::Null));
    }
}
