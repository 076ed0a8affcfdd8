//! What a variable may hold, beside its type.
//!
//! ```json
//! {"name": "size", "type": "number", "required": true, "validation": {"min": 36, "max": 46, "integer": true}}
//! ```
//!
//! | Rule | For | Means |
//! | --- | --- | --- |
//! | `min`, `max` | numbers, dates | the smallest and the largest; dates as `2026-01-31` |
//! | `integer` | numbers | no part behind the point |
//! | `min_length`, `max_length` | texts, lists | characters, or items |
//! | `pattern` | texts | a regular expression of linear time that the text matches |
//! | `one_of` | all | the values there are |
//!
//! Nothing (`null`) keeps every rule: whether something must be there is what `required` says.

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    definition::VariableType,
    expression::{Value, is_same, read_pattern},
    reading,
};

/// Most values of `one_of`.
const VALUES_MAX: usize = 100;

/// The rules for a variable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "rules for a variable")]
pub struct Validation {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    integer: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Value>,
}

/// A regular expression of linear time that was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Whether a part of the text matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        read_pattern(&source).map(Self)
    }
}

impl From<Pattern> for String {
    fn from(Pattern(pattern): Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Validation {
    /// Reads the rules for a variable of this type. The error says what is wrong.
    pub fn read(json: &Json, kind: VariableType) -> Result<Self, String> {
        let rules = Self::deserialize(json).map_err(|error| error.to_string())?;
        match rules.fault(kind) {
            Some(fault) => Err(fault),
            None => Ok(rules),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with them for a variable of this type.
    pub(crate) fn fault(&self, kind: VariableType) -> Option<String> {
        use VariableType::{Date, List, Number, String as Text};
        let bounds = [&self.min, &self.max].into_iter().flatten();
        let fits = |bound: &Value| match kind {
            Number => matches!(bound, Value::Number(_)),
            Date => bound.as_text().is_some_and(|text| reading::date(text).as_deref() == Some(text)),
            _ => false,
        };
        let fault = if bounds.clone().any(|bound| !fits(bound)) {
            "`min` and `max` are a number of a number, or a date of a date"
        } else if self.min.as_ref().zip(self.max.as_ref()).is_some_and(|(min, max)| is_below(max, min))
            || self.min_length.zip(self.max_length).is_some_and(|(min, max)| min > max)
        {
            "the smallest is larger than the largest"
        } else if self.integer && kind != Number {
            "`integer` belongs to a number"
        } else if (self.min_length.is_some() || self.max_length.is_some()) && !matches!(kind, Text | List) {
            "`min_length` and `max_length` belong to a string or a list"
        } else if self.pattern.is_some() && kind != Text {
            "`pattern` belongs to a string"
        } else if self.one_of.len() > VALUES_MAX {
            "`one_of` has up to 100 values"
        } else if self.one_of.iter().any(|value| *value == Value::Null || kind.hold(value.clone()).is_none())
        {
            "`one_of` has values of another type"
        } else {
            return None;
        };
        Some(fault.to_owned())
    }

    /// Whether a value, held as its type holds it, keeps the rules.
    pub fn is_kept_by(&self, value: &Value) -> bool {
        let length = match value {
            Value::Null => return true,
            Value::Text(text) => Some(text.chars().count()),
            Value::List(items) => Some(items.len()),
            _ => None,
        };
        let text = value.as_text();
        self.min.as_ref().is_none_or(|min| !is_below(value, min))
            && self.max.as_ref().is_none_or(|max| !is_below(max, value))
            && (!self.integer || value.as_number().is_some_and(|number| number.fract() == 0.0))
            && self.min_length.zip(length).is_none_or(|(min, length)| length >= min)
            && self.max_length.zip(length).is_none_or(|(max, length)| length <= max)
            && self.pattern.as_ref().zip(text).is_none_or(|(pattern, text)| pattern.is_match(text))
            && (self.one_of.is_empty() || self.one_of.iter().any(|one| is_same(one, value)))
    }
}

/// Days in their one form are in order as texts.
fn is_below(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one < other,
        (Value::Text(one), Value::Text(other)) => one < other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keeps(kind: VariableType, rules: &Json, value: &Json) -> bool {
        let rules = Validation::read(rules, kind).unwrap_or_else(|error| panic!("{rules}: {error}"));
        let written: Validation = serde_json::from_value(json!(rules)).unwrap();
        assert_eq!(written, rules);
        rules.is_kept_by(&kind.hold(Value::from_json(value).unwrap()).unwrap())
    }

    #[test]
    fn values_keep_the_rules_of_their_type() {
        use VariableType::{Date, List, Number, String as Text};
        let size = json!({ "min": 36, "max": 46, "integer": true });
        for (value, kept) in [
            (json!(36), true),
            (json!("40"), true),
            (json!(35.5), false),
            (json!(40.5), false),
            (json!(47), false),
        ] {
            assert_eq!(keeps(Number, &size, &value), kept, "{value}");
        }
        let code = json!({ "min_length": 2, "max_length": 3, "pattern": "^[a-z]+$" });
        for (value, kept) in [("ab", true), ("a", false), ("abcd", false), ("a1", false)] {
            assert_eq!(keeps(Text, &code, &json!(value)), kept, "{value}");
        }
        assert!(keeps(Text, &json!({ "one_of": ["red", "blue"] }), &json!("red")));
        assert!(!keeps(Text, &json!({ "one_of": ["red", "blue"] }), &json!("green")));
        assert!(!keeps(Date, &json!({ "min": "2026-01-31" }), &json!("2026-01-30")));
        assert!(!keeps(List, &json!({ "max_length": 1 }), &json!([1, 2])));
        // Nothing is no value that breaks a rule.
        assert!(keeps(Text, &code, &json!(null)) && keeps(Number, &size, &json!(null)));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        use VariableType::{Boolean, Date, Number, String as Text};
        for (kind, rules) in [
            (Text, json!({ "min": 1 })),
            (Number, json!({ "min": "1" })),
            (Number, json!({ "min": 2, "max": 1 })),
            (Number, json!({ "pattern": "a" })),
            (Number, json!({ "one_of": ["a"] })),
            (Text, json!({ "pattern": "(" })),
            (Text, json!({ "min_length": 2, "max_length": 1 })),
            (Text, json!({ "integer": true })),
            (Boolean, json!({ "max_length": 1 })),
            (Date, json!({ "min": "tomorrow" })),
            (Text, json!({ "format": "email" })),
        ] {
            assert!(Validation::read(&rules, kind).is_err(), "{rules}");
        }
    }
}
