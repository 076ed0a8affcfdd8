//! What a variable or an expression holds.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Deepest nesting of a list or an object.
pub const NESTING_MAX: usize = 16;

/// A value. A day is text in the form `2026-01-31` and an instant text in the form `2026-01-31T09:30:00Z`, so
/// that days compare as text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: a variable that was never set.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// Values in order.
    List(Arc<Vec<Value>>),
    /// Values by name.
    Object(Arc<BTreeMap<Arc<str>, Value>>),
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// A number; nothing where it is not finite.
    pub fn number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Number(number))
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// An object.
    pub fn object<'n>(fields: impl IntoIterator<Item = (&'n str, Self)>) -> Self {
        Self::Object(Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()))
    }

    /// The value of a JSON document. None where it is nested deeper than [`NESTING_MAX`] or holds a number that
    /// is not finite.
    pub fn from_json(json: &Json) -> Option<Self> {
        from_json(json, 0)
    }

    /// The JSON document of the value. Whole numbers have no decimal point.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => json_number(*number),
            Self::Text(text) => Json::String(text.to_string()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect())
            }
        }
    }

    /// Whether it counts as true: `true`, a number other than 0, a text, list or object that is not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Object(fields) => !fields.is_empty(),
        }
    }

    /// The number it is or spells.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The text it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is nothing, a blank text, or an empty list or object.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Bool(_) | Self::Number(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.is_empty(),
        }
    }

    /// The field of an object, or the item of a list by its number from 0; a negative number counts from the
    /// end. Nothing where there is no such thing.
    #[must_use]
    pub fn at(&self, key: &Self) -> Self {
        match (self, key) {
            (Self::Object(fields), Self::Text(name)) => fields.get(name).cloned().unwrap_or_default(),
            (Self::List(items), key) => {
                let found = key.as_number().and_then(|number| place(number, items.len()));
                found.and_then(|index| items.get(index)).cloned().unwrap_or_default()
            }
            _ => Self::Null,
        }
    }

    /// The field of an object, or the item of a list where the name spells a number.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        match self {
            Self::Object(fields) => fields.get(name).cloned().unwrap_or_default(),
            Self::List(_) => self.at(&Self::text(name)),
            _ => Self::Null,
        }
    }

    /// How much there is of it: bytes of text, and 8 for every other thing in it.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::List(items) => 8 + items.iter().map(|item| 8 + item.size()).sum::<usize>(),
            Self::Object(fields) => {
                8 + fields.iter().map(|(name, value)| 8 + name.len() + value.size()).sum::<usize>()
            }
        }
    }

    /// How deep lists and objects lie in each other; 0 for everything else.
    pub fn depth(&self) -> usize {
        let below = match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => return 0,
            Self::List(items) => items.iter().map(Self::depth).max(),
            Self::Object(fields) => fields.values().map(Self::depth).max(),
        };
        1 + below.unwrap_or(0)
    }

    /// A word for its kind, in messages to the author.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// The index that a number names in a list of that length; negative numbers count from the end.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "lists are far shorter than the whole numbers that a float holds, and the range is checked"
)]
pub(super) fn place(number: f64, length: usize) -> Option<usize> {
    let index = if number < 0.0 { number + length as f64 } else { number };
    (index.fract() == 0.0 && index >= 0.0 && index < length as f64).then_some(index as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn json_number(number: f64) -> Json {
    // Beyond this a float skips whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Json::from(number as i64)
    } else {
        serde_json::Number::from_f64(number).map_or(Json::Null, Json::Number)
    }
}

fn from_json(json: &Json, depth: usize) -> Option<Value> {
    if depth > NESTING_MAX {
        return None;
    }
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::number(number.as_f64()?)?,
        Json::String(text) => Value::text(text),
        Json::Array(items) => {
            Value::List(Arc::new(items.iter().map(|item| from_json(item, depth + 1)).collect::<Option<_>>()?))
        }
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, item)| Some((Arc::from(name.as_str()), from_json(item, depth + 1)?)));
            Value::Object(Arc::new(fields.collect::<Option<_>>()?))
        }
    })
}

/// As a template shows it: nothing is empty, a whole number has no decimal point, a list or an object is JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::List(_) | Self::Object(_) => self.to_json().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_plainly() {
        let list = Value::list([Value::Number(1.0), Value::text("b"), Value::Null]);
        let object = Value::object([("b", Value::Number(2.5)), ("a", Value::Bool(true))]);
        let shown = [
            Value::Null,
            Value::Bool(true),
            Value::Number(3.0),
            Value::Number(2.5),
            Value::text("a"),
            list,
            object,
        ]
        .map(|value| value.to_string());
        assert_eq!(shown, ["", "true", "3", "2.5", "a", r#"[1,"b",null]"#, r#"{"a":true,"b":2.5}"#]);
    }

    #[test]
    fn a_value_survives_json() {
        let nested = Value::object([("items", Value::list([Value::Number(-0.5), Value::text("ä \"")]))]);
        for value in [Value::Null, Value::Bool(false), Value::Number(-0.5), Value::text("ä \""), nested] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert_eq!(Value::from_json(&value.to_json()).unwrap(), value);
        }
    }

    #[test]
    fn a_document_that_is_too_deep_is_no_value() {
        let deep = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let value = Value::from_json(&deep(NESTING_MAX)).unwrap();
        assert_eq!(value.depth(), NESTING_MAX);
        assert_eq!(Value::from_json(&deep(NESTING_MAX + 1)), None);
    }

    #[test]
    fn parts_are_found_by_name_and_number() {
        let value = Value::from_json(&json!({ "items": [{ "name": "a" }, { "name": "b" }] })).unwrap();
        let items = value.field("items");
        assert_eq!(items.at(&Value::Number(-1.0)).field("name"), Value::text("b"));
        assert_eq!(items.field("0").field("name"), Value::text("a"));
        for nothing in
            [items.at(&Value::Number(2.0)), items.at(&Value::Number(0.5)), value.field("x").field("y")]
        {
            assert_eq!(nothing, Value::Null);
        }
    }

    #[test]
    fn nothing_infinite_is_a_number() {
        for text in ["inf", "NaN", "1e999", "", "x"] {
            assert_eq!(Value::text(text).as_number(), None, "{text}");
        }
        assert_eq!(Value::text(" 12.50 ").as_number(), Some(12.5));
    }
}
