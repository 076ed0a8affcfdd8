//! The expression language of conditions, of `set_variable` and of the tags of templates.
//!
//! ```text
//! or  and  not  == != < <= > >= in  + - ~  * / %  -x  ( )      weakest first; `~` joins texts
//! 12.5   "text"   'text'   true   false   null   [1, 2]
//! order   order.items[0].name   order["the key"]               a declared variable, and what is in it
//! contact.name  contact.locale  contact.id  channel            who writes, and where
//! input.text  input.payload  input.value                       the last message, button and checked answer
//! response  event.name  event.data  bot.…                      an answer, an event, the bot's constants
//! if(condition, then, otherwise)   default(x, other)  …        `docs/flows-functions.md` has every function
//! ```
//!
//! It has no loops and touches nothing outside. Parsing is bounded by the length of the source, the depth and
//! the number of operations; evaluation by a [`Budget`] and by the size of each value. Both end in a value or in an
//! error, never in a panic. A new function is an entry in a file of `functions/`; a new fact is a variant of [`Fact`].

mod evaluate;
mod functions;
mod lexer;
mod parser;
mod value;

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub(crate) use evaluate::is_same;
pub use evaluate::{Budget, EvalError, Facts, Moment, SIZE_OF_VALUE_MAX, Scope};
pub use functions::{Group, Spec, groups, reference};
pub use value::{NESTING_MAX, Value};

pub(crate) use functions::{Call, Function, read_pattern, url_encode};
pub(crate) use lexer::{Lexer, Token};
pub(crate) use parser::{parse, parse_arguments};

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
    /// `contact.id`: what stands for the contact in this product.
    ContactId,
    /// `channel`: `web`, `telegram`, `whatsapp`.
    Channel,
    /// `input.text`: what the person wrote or chose last.
    InputText,
    /// `input.payload`: the id of the option chosen last, or what the opening link carried.
    InputPayload,
    /// `input.value`: the answer that an `input` node has read and is checking.
    InputValue,
    /// `response`: what an `api_call` got, while it is being read.
    Response,
    /// `event.name`: the event that was waited for.
    EventName,
    /// `event.data`: what came with it.
    EventData,
    /// `bot`: the constants in the bot's settings.
    Bot,
}

/// The facts by their names. No name begins with another and a point.
const FACTS: [(&str, Fact); 11] = [
    ("contact.name", Fact::ContactName),
    ("contact.locale", Fact::ContactLocale),
    ("contact.id", Fact::ContactId),
    ("channel", Fact::Channel),
    ("input.text", Fact::InputText),
    ("input.payload", Fact::InputPayload),
    ("input.value", Fact::InputValue),
    ("response", Fact::Response),
    ("event.name", Fact::EventName),
    ("event.data", Fact::EventData),
    ("bot", Fact::Bot),
];

impl Fact {
    /// The fact that a word with points begins with, and what follows it.
    fn parse(word: &str) -> Option<(Self, &str)> {
        FACTS.iter().find_map(|(name, fact)| {
            let rest = word.strip_prefix(name)?;
            if rest.is_empty() { Some((*fact, "")) } else { Some((*fact, rest.strip_prefix('.')?)) }
        })
    }
}

/// Words that a variable cannot be named.
pub(crate) fn is_reserved(name: &str) -> bool {
    let words = ["and", "or", "not", "in", "true", "false", "null", "contact", "input", "event", "secret"];
    FACTS.iter().any(|(fact, _)| *fact == name) || words.contains(&name)
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    node: Node,
    /// What it was parsed from, where it stood alone.
    source: Option<Arc<str>>,
}

/// An expression's tree.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(Value),
    Variable(Arc<str>),
    Fact(Fact),
    List(Vec<Node>),
    Member(Box<Node>, Arc<str>),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    /// Whether the left is an item of the right, or a part of it.
    In(Box<Node>, Box<Node>),
    /// Two texts as one.
    Join(Box<Node>, Box<Node>),
    Calculate(Operator, Box<Node>, Box<Node>),
    /// Condition, then, otherwise; only one of the two is evaluated.
    If(Box<[Node; 3]>),
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
    Remainder,
}

impl Expression {
    /// Of a tree that is a part of something else.
    fn of(node: Node) -> Self {
        Self { node, source: None }
    }

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
        if *lexer.peek() != Token::End {
            return Err(lexer.error("expected an operator"));
        }
        Ok(Self { source: Some(source.into()), ..expression })
    }

    /// What it was parsed from; empty where it stood in a tag.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }

    /// Adds the names of the variables it reads.
    pub fn variables<'a>(&'a self, names: &mut Vec<&'a str>) {
        let mut open = vec![&self.node];
        while let Some(node) = open.pop() {
            match node {
                Node::Literal(_) | Node::Fact(_) => {}
                Node::Variable(name) => names.push(name),
                Node::Not(inner) | Node::Negate(inner) | Node::Member(inner, _) => open.push(inner),
                Node::And(left, right)
                | Node::Or(left, right)
                | Node::Compare(_, left, right)
                | Node::In(left, right)
                | Node::Join(left, right)
                | Node::Index(left, right)
                | Node::Calculate(_, left, right) => open.extend([&**left, &**right]),
                Node::If(parts) => open.extend(parts.iter()),
                Node::List(items) | Node::Call(_, items) => open.extend(items),
            }
        }
    }

    /// Its value in `scope`. What it costs is taken from `budget`.
    pub fn evaluate(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, EvalError> {
        evaluate::evaluate(&self.node, scope, budget)
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
