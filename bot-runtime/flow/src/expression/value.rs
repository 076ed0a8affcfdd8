//! What a variable or an expression holds.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A value. A date is text in the form `2026-01-31`, so that dates compare as text.
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

    /// Whether it counts as true: `true`, a number other than 0, a text that is not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
        }
    }

    /// The number it is or spells.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Null | Self::Bool(_) => None,
        }
    }

    /// A word for its kind, in messages to the author.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
        }
    }
}

/// As a template shows it: nothing is empty, a whole number has no decimal point.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_plainly() {
        let shown =
            [Value::Null, Value::Bool(true), Value::Number(3.0), Value::Number(2.5), Value::text("a")]
                .map(|value| value.to_string());
        assert_eq!(shown, ["", "true", "3", "2.5", "a"]);
    }

    #[test]
    fn a_value_survives_json() {
        for value in [Value::Null, Value::Bool(false), Value::Number(-0.5), Value::text("ä \"")] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
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
