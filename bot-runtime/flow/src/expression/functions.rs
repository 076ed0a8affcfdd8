//! The functions of the language: name, number of arguments, meaning.

use std::borrow::Cow;

use chrono::{Datelike, Timelike};

use super::{Budget, EvalError, Scope, Value};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Len,
    Lower,
    Upper,
    Trim,
    Number,
    Text,
    Empty,
    Default,
    Hour,
    Minute,
    Weekday,
    Date,
    Time,
}

/// Every function with its name and how many arguments it takes.
const FUNCTIONS: [(&str, usize, Function); 16] = [
    ("contains", 2, Function::Contains),
    ("starts_with", 2, Function::StartsWith),
    ("ends_with", 2, Function::EndsWith),
    ("len", 1, Function::Len),
    ("lower", 1, Function::Lower),
    ("upper", 1, Function::Upper),
    ("trim", 1, Function::Trim),
    ("number", 1, Function::Number),
    ("text", 1, Function::Text),
    ("empty", 1, Function::Empty),
    ("default", 2, Function::Default),
    ("hour", 0, Function::Hour),
    ("minute", 0, Function::Minute),
    ("weekday", 0, Function::Weekday),
    ("date", 0, Function::Date),
    ("time", 0, Function::Time),
];

impl Function {
    pub(super) fn parse(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(.., function)| *function)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn arguments(self) -> usize {
        self.row().1
    }

    /// The tests see to it that every function has a row.
    fn row(self) -> (&'static str, usize, Self) {
        FUNCTIONS.into_iter().find(|(.., function)| *function == self).unwrap_or(("", 0, self))
    }

    /// Applies it. The parser has checked the number of arguments; one that is missing counts as nothing.
    pub(super) fn call(
        self,
        arguments: &[Value],
        scope: &Scope<'_>,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let first = arguments.first().unwrap_or(&Value::Null);
        let second = arguments.get(1).unwrap_or(&Value::Null);
        budget.spend_on(first)?;
        budget.spend_on(second)?;
        Ok(match self {
            Self::Contains => Value::Bool(text_of(first).contains(text_of(second).as_ref())),
            Self::StartsWith => Value::Bool(text_of(first).starts_with(text_of(second).as_ref())),
            Self::EndsWith => Value::Bool(text_of(first).ends_with(text_of(second).as_ref())),
            Self::Len => count(text_of(first).chars().count()),
            Self::Lower => Value::text(text_of(first).to_lowercase()),
            Self::Upper => Value::text(text_of(first).to_uppercase()),
            Self::Trim => Value::text(text_of(first).trim()),
            Self::Number => first.as_number().map_or(Value::Null, Value::Number),
            Self::Text => Value::text(text_of(first)),
            Self::Empty => Value::Bool(is_empty(first)),
            Self::Default if is_empty(first) => second.clone(),
            Self::Default => first.clone(),
            Self::Hour => Value::Number(scope.local.hour().into()),
            Self::Minute => Value::Number(scope.local.minute().into()),
            Self::Weekday => Value::Number(scope.local.weekday().number_from_monday().into()),
            Self::Date => Value::text(scope.local.format("%Y-%m-%d").to_string()),
            Self::Time => Value::text(scope.local.format("%H:%M").to_string()),
        })
    }
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Texts are far shorter than the numbers that a float holds exactly.
fn count(characters: usize) -> Value {
    Value::Number(u32::try_from(characters).unwrap_or(u32::MAX).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_name() {
        for (name, arguments, function) in FUNCTIONS {
            assert_eq!(Function::parse(name), Some(function));
            assert_eq!((function.name(), function.arguments()), (name, arguments));
        }
    }
}
