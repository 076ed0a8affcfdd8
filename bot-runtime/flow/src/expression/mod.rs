//! The expression language of conditions, of `set_variable` and of the tags of templates.
//!
//! ```text
//! or  and  not  == != < <= > >=  + -  * /  -x  ( )      weakest first
//! 12.5   "text"   'text'   true   false   null
//! order            a declared variable
//! contact.name  contact.locale  channel  input.text  input.payload
//! contains(text, part)  starts_with(text, part)  ends_with(text, part)
//! len(text)  lower(text)  upper(text)  trim(text)  number(x)  text(x)  empty(x)  default(x, other)
//! hour()  minute()  weekday()  date()  time()            local to the flow; Monday is 1
//! ```
//!
//! It has no loops and touches nothing outside. Parsing is bounded by the length of the source, the depth and
//! the number of operations; evaluation by a [`Budget`]. Both end in a value or in an error, never in a panic.
//! A new function is a line in `functions.rs`; a new fact is a variant of [`Fact`].

mod evaluate;
mod functions;
mod lexer;
mod parser;
mod value;

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub use evaluate::{Budget, EvalError, Facts, Scope};
pub use value::Value;

use functions::Function;
pub(crate) use lexer::{Lexer, Token};
pub(crate) use parser::parse;

/// Longest source of an expression, in bytes.
pub const SOURCE_MAX: usize = 2_000;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 32;
/// Most operations, literals and names of one expression.
pub const SIZE_MAX: usize = 256;

/// Why a source is not an expression or a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {offset})")]
pub struct ParseError {
    /// Where in the source, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// What every conversation knows besides its variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// `contact.name`: the name the network shows.
    ContactName,
    /// `contact.locale`: the language the network tells.
    ContactLocale,
    /// `channel`: `web`, `telegram`, `whatsapp`.
    Channel,
    /// `input.text`: what the person wrote or chose last.
    InputText,
    /// `input.payload`: the id of the option chosen last, or what the opening link carried.
    InputPayload,
}

impl Fact {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "contact.name" => Self::ContactName,
            "contact.locale" => Self::ContactLocale,
            "channel" => Self::Channel,
            "input.text" => Self::InputText,
            "input.payload" => Self::InputPayload,
            _ => return None,
        })
    }
}

/// Words that a variable cannot be named.
pub(crate) fn is_reserved(name: &str) -> bool {
    Fact::parse(name).is_some()
        || ["and", "or", "not", "true", "false", "null", "contact", "input"].contains(&name)
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Node);

/// An expression's tree.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(Value),
    Variable(Arc<str>),
    Fact(Fact),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Calculate(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
}

impl Expression {
    /// Parses a whole source.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        if source.len() > SOURCE_MAX {
            return Err(ParseError {
                offset: SOURCE_MAX,
                message: format!("longer than {SOURCE_MAX} bytes"),
            });
        }
        let mut lexer = Lexer::new(source, 0)?;
        let expression = parse(&mut lexer)?;
        if *lexer.peek() == Token::End { Ok(expression) } else { Err(lexer.error("expected an operator")) }
    }

    /// Adds the names of the variables it reads.
    pub fn variables<'a>(&'a self, names: &mut Vec<&'a str>) {
        let mut open = vec![&self.0];
        while let Some(node) = open.pop() {
            match node {
                Node::Literal(_) | Node::Fact(_) => {}
                Node::Variable(name) => names.push(name),
                Node::Not(inner) | Node::Negate(inner) => open.push(inner),
                Node::And(left, right)
                | Node::Or(left, right)
                | Node::Compare(_, left, right)
                | Node::Calculate(_, left, right) => open.extend([&**left, &**right]),
                Node::Call(_, arguments) => open.extend(arguments),
            }
        }
    }

    /// Its value in `scope`. What it costs is taken from `budget`.
    pub fn evaluate(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, EvalError> {
        evaluate::evaluate(&self.0, scope, budget)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(|error| serde::de::Error::custom(format!("bad expression: {error}")))
    }
}

#[cfg(test)]
mod tests;
