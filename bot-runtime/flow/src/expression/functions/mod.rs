//! The functions of the language. One file a group; each function with its signature, its meaning and examples, from
//! which `docs/flows-functions.md` is made and which are tests.
//!
//! A function ends in a value or an error, works on its arguments alone and costs no more than what it looks at and
//! what it makes. What it cannot use gives nothing, so that `default` can stand in.

mod date;
mod hours;
mod list;
mod logic;
mod number;
mod text;
mod words;

pub(crate) use text::{read_pattern, url_encode};

use std::fmt::{self, Write as _};

use super::{
    Budget, EvalError, Scope, Value,
    evaluate::{SIZE_OF_VALUE_MAX, bounded},
};

/// Any number of arguments: as many as an expression can have.
const MANY: usize = super::SIZE_MAX;

/// A function: what its author says about it, and what it does.
#[derive(Debug)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// Its arguments by name; those in square brackets may be left out.
    pub signature: &'static str,
    /// How many arguments it takes, at least and at most.
    pub arguments: (usize, usize),
    /// What it gives.
    pub about: &'static str,
    /// Expressions with their values, as expressions. They hold at the moment that the reference names.
    pub examples: &'static [(&'static str, &'static str)],
    run: fn(&[Value], &mut Call<'_, '_>) -> Result<Value, EvalError>,
}

/// Functions that belong together.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The functions, by name.
    pub functions: &'static [Spec],
}

/// Every function.
pub const fn groups() -> &'static [Group] {
    &[
        Group { title: "Text", functions: text::FUNCTIONS },
        Group { title: "Words", functions: words::FUNCTIONS },
        Group { title: "Numbers", functions: number::FUNCTIONS },
        Group { title: "Lists and objects", functions: list::FUNCTIONS },
        Group { title: "Logic", functions: logic::FUNCTIONS },
        Group { title: "Days and times", functions: date::FUNCTIONS },
        Group { title: "Working hours", functions: hours::FUNCTIONS },
    ]
}

/// What a function works with besides its arguments.
pub(crate) struct Call<'c, 's> {
    pub(crate) scope: &'c Scope<'s>,
    pub(crate) budget: &'c mut Budget,
}

impl Call<'_, '_> {
    /// Takes the cost of a text that is about to be made, if it is not too large.
    fn room(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.budget.spend(bytes)?;
        if bytes > SIZE_OF_VALUE_MAX { Err(EvalError::TooLarge) } else { Ok(()) }
    }
}

/// A function that an expression calls.
#[derive(Clone, Copy)]
pub(crate) struct Function(&'static Spec);

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Function {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        groups().iter().flat_map(|group| group.functions).find(|spec| spec.name == name).map(Self)
    }

    /// Whether it takes so many arguments, or what it takes.
    pub(crate) fn check(self, arguments: usize) -> Result<(), String> {
        let (least, most) = self.0.arguments;
        if (least..=most).contains(&arguments) {
            return Ok(());
        }
        let name = self.0.name;
        Err(match most {
            _ if least == most => format!("`{name}` takes {least} arguments"),
            MANY => format!("`{name}` takes at least {least} arguments"),
            _ => format!("`{name}` takes {least} to {most} arguments"),
        })
    }

    /// What is wrong with a text that the author wrote as one of its arguments.
    pub(crate) fn check_literal(self, text: &str) -> Result<(), String> {
        match self.0.name {
            "matches" | "extract" => text::check_pattern(text),
            _ => Ok(()),
        }
    }

    /// Applies it. The number of arguments has been checked; one that is missing counts as nothing.
    pub(crate) fn call(self, arguments: &[Value], call: &mut Call<'_, '_>) -> Result<Value, EvalError> {
        for argument in arguments {
            call.budget.spend_on(argument)?;
        }
        let value = (self.0.run)(arguments, call)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value),
            Value::Text(_) | Value::List(_) | Value::Object(_) => bounded(value, call.budget),
        }
    }
}

/// An argument; nothing where it is missing.
fn argument(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Null)
}

/// An argument as text.
fn text_of(arguments: &[Value], index: usize) -> std::borrow::Cow<'_, str> {
    match argument(arguments, index) {
        Value::Text(text) => std::borrow::Cow::Borrowed(text),
        other => std::borrow::Cow::Owned(other.to_string()),
    }
}

/// An argument as a number.
fn number_of(arguments: &[Value], index: usize) -> Option<f64> {
    argument(arguments, index).as_number()
}

/// An argument as a whole number of 0 to `most`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn count_of(arguments: &[Value], index: usize, most: u32) -> Option<usize> {
    let number = number_of(arguments, index)?;
    (number.fract() == 0.0 && number >= 0.0 && number <= f64::from(most)).then_some(number as usize)
}

/// How many there are. Values are far smaller than the numbers that a float holds exactly.
fn count(things: usize) -> Value {
    Value::Number(u32::try_from(things).unwrap_or(u32::MAX).into())
}

/// The reference of all functions, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Functions of flows\n\nMade from the program by `UPDATE_SNAPSHOTS=1 cargo test -p botbuilder-flow --test it \
         -- functions`; every example is a test.\n\nThe examples hold on Wednesday, 4 March 2026, 09:05 in Berlin, for a \
         person whose language is English, of a bot whose\nworking hours are Monday to Friday, 09:00 to 17:00, with \
         a holiday on 25 December. In a template each function is also a\nfilter: `{{ name | upper }}` is \
         `{{ upper(name) }}`, and `{{ total | round(2) }}` is `{{ round(total, 2) }}`. What a\nfunction cannot use \
         gives nothing, for which `default` can stand in.\n",
    );
    for group in groups() {
        let _ = write!(page, "\n## {}\n", group.title);
        for spec in group.functions {
            let _ = write!(page, "\n### `{}({})`\n\n{}\n\n```text\n", spec.name, spec.signature, spec.about);
            for (source, value) in spec.examples {
                let _ = writeln!(page, "{source}  →  {value}");
            }
            page.push_str("```\n");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_one_name_and_an_example() {
        let mut names = std::collections::HashSet::new();
        for spec in groups().iter().flat_map(|group| group.functions) {
            assert!(names.insert(spec.name), "{} is there twice", spec.name);
            assert!(spec.arguments.0 <= spec.arguments.1, "{}", spec.name);
            assert!(!spec.examples.is_empty() || spec.name == "if", "{} has no example", spec.name);
            assert!(spec.examples.iter().all(|(source, _)| source.contains(spec.name)), "{}", spec.name);
        }
    }
}
