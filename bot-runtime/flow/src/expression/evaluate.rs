//! A tree to a value.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Call, Comparison, Fact, NESTING_MAX, Node, Operator, Value};
use crate::{clock::Zone, hours::BusinessHours, locale::Locale};

/// Largest value that an operation or a function may make, by [`Value::size`].
pub const SIZE_OF_VALUE_MAX: usize = 64 * 1_024;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Two kinds that cannot be ordered or calculated with.
    #[error("{left} and {right} do not go together")]
    Kinds {
        /// The kind on the left.
        left: &'static str,
        /// The kind on the right.
        right: &'static str,
    },
    /// Divided by zero, or too large.
    #[error("the result is not a number")]
    NotFinite,
    /// Larger than [`SIZE_OF_VALUE_MAX`], or nested deeper than [`NESTING_MAX`].
    #[error("the result is too large")]
    TooLarge,
    /// The budget of the turn is used up.
    #[error("the turn's budget for expressions and templates is used up")]
    Budget,
}

/// How much evaluation a turn may still do. A unit is an operation or a byte of text looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(u64);

impl Budget {
    /// So many units.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// How many units are left.
    pub const fn left(self) -> u64 {
        self.0
    }

    /// Whether nothing is left.
    pub const fn is_spent(self) -> bool {
        self.0 == 0
    }

    /// Takes units away.
    pub fn spend(&mut self, units: usize) -> Result<(), EvalError> {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        let left = self.0.checked_sub(units);
        self.0 = left.unwrap_or(0);
        if left.is_some() { Ok(()) } else { Err(EvalError::Budget) }
    }

    pub(super) fn spend_on(&mut self, value: &Value) -> Result<(), EvalError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::Text(_) | Value::List(_) | Value::Object(_) => self.spend(value.size()),
        }
    }
}

/// The value, if it is not too large. Looking at it costs its size.
pub(super) fn bounded(value: Value, budget: &mut Budget) -> Result<Value, EvalError> {
    let size = value.size();
    budget.spend(size)?;
    if size > SIZE_OF_VALUE_MAX || value.depth() > NESTING_MAX { Err(EvalError::TooLarge) } else { Ok(value) }
}

/// What the facts hold during one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// `contact.name`.
    pub contact_name: Value,
    /// `contact.locale`.
    pub contact_locale: Value,
    /// `contact.id`.
    pub contact_id: Value,
    /// What whoever started the conversation gave it, by name; no expression sees it.
    pub given: Value,
    /// What stands for the conversation, where that is known; no expression sees it.
    pub conversation_id: Value,
    /// What is kept with the contact, by name.
    pub contact_attributes: Value,
    /// `channel`.
    pub channel: Value,
    /// `input.text`.
    pub input_text: Value,
    /// `input.payload`.
    pub input_payload: Value,
    /// `input.value`.
    pub input_value: Value,
    /// `response`.
    pub response: Value,
    /// `event.name`.
    pub event_name: Value,
    /// `event.data`.
    pub event_data: Value,
    /// `bot`.
    pub bot: Value,
}

/// The time, and how it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Now.
    pub now: DateTime<Utc>,
    /// The flow's clock.
    pub zone: Zone,
    /// When somebody works; nobody ever does where it is not known.
    pub hours: Option<&'a BusinessHours>,
}

impl Moment<'_> {
    /// Now, on the flow's clock.
    pub fn local(&self) -> NaiveDateTime {
        self.zone.local(self.now)
    }
}

/// Where names get their values.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Variables that were set.
    pub variables: &'a BTreeMap<Arc<str>, Value>,
    /// What the others hold.
    pub defaults: &'a BTreeMap<Arc<str>, Value>,
    /// What every conversation knows.
    pub facts: &'a Facts,
    /// The time.
    pub moment: Moment<'a>,
}

impl Scope<'_> {
    /// How the person's language writes things.
    pub(super) fn locale(&self) -> &'static Locale {
        Locale::of(self.facts.contact_locale.as_text().unwrap_or_default())
    }

    fn variable(&self, name: &str) -> Value {
        self.variables.get(name).or_else(|| self.defaults.get(name)).cloned().unwrap_or_default()
    }

    fn fact(&self, fact: Fact) -> Value {
        match fact {
            Fact::ContactName => &self.facts.contact_name,
            Fact::ContactLocale => &self.facts.contact_locale,
            Fact::ContactId => &self.facts.contact_id,
            Fact::Channel => &self.facts.channel,
            Fact::InputText => &self.facts.input_text,
            Fact::InputPayload => &self.facts.input_payload,
            Fact::InputValue => &self.facts.input_value,
            Fact::Response => &self.facts.response,
            Fact::EventName => &self.facts.event_name,
            Fact::EventData => &self.facts.event_data,
            Fact::Bot => &self.facts.bot,
        }
        .clone()
    }
}

/// The depth of the recursion is bounded by the parser's cap on the size of a tree.
pub(super) fn evaluate(node: &Node, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, EvalError> {
    budget.spend(1)?;
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::Variable(name) => Ok(scope.variable(name)),
        Node::Fact(fact) => Ok(scope.fact(*fact)),
        Node::List(items) => {
            let items = all(items, scope, budget)?;
            bounded(Value::list(items), budget)
        }
        Node::Member(of, name) => Ok(evaluate(of, scope, budget)?.field(name)),
        Node::Index(of, key) => {
            let of = evaluate(of, scope, budget)?;
            Ok(of.at(&evaluate(key, scope, budget)?))
        }
        Node::Not(inner) => Ok(Value::Bool(!evaluate(inner, scope, budget)?.is_true())),
        Node::Negate(inner) => {
            calculate(Operator::Minus, &Value::Number(0.0), &evaluate(inner, scope, budget)?)
        }
        Node::And(left, right) => {
            let both = evaluate(left, scope, budget)?.is_true() && evaluate(right, scope, budget)?.is_true();
            Ok(Value::Bool(both))
        }
        Node::Or(left, right) => {
            let either =
                evaluate(left, scope, budget)?.is_true() || evaluate(right, scope, budget)?.is_true();
            Ok(Value::Bool(either))
        }
        Node::Compare(comparison, left, right) => {
            let (left, right) = (evaluate(left, scope, budget)?, evaluate(right, scope, budget)?);
            budget.spend_on(&left)?;
            budget.spend_on(&right)?;
            compare(*comparison, &left, &right).map(Value::Bool)
        }
        Node::In(left, right) => {
            let (left, right) = (evaluate(left, scope, budget)?, evaluate(right, scope, budget)?);
            budget.spend_on(&left)?;
            budget.spend_on(&right)?;
            Ok(Value::Bool(is_in(&left, &right)))
        }
        Node::Join(left, right) => {
            let (left, right) = (evaluate(left, scope, budget)?, evaluate(right, scope, budget)?);
            bounded(Value::text(format!("{left}{right}")), budget)
        }
        Node::Calculate(operator, left, right) => {
            let (left, right) = (evaluate(left, scope, budget)?, evaluate(right, scope, budget)?);
            budget.spend_on(&left)?;
            budget.spend_on(&right)?;
            calculate(*operator, &left, &right)
        }
        Node::If(parts) => {
            let [condition, then, otherwise] = &**parts;
            let chosen = if evaluate(condition, scope, budget)?.is_true() { then } else { otherwise };
            evaluate(chosen, scope, budget)
        }
        Node::Call(function, arguments) => {
            let arguments = all(arguments, scope, budget)?;
            function.call(&arguments, &mut Call { scope, budget })
        }
    }
}

fn all(nodes: &[Node], scope: &Scope<'_>, budget: &mut Budget) -> Result<Vec<Value>, EvalError> {
    nodes.iter().map(|node| evaluate(node, scope, budget)).collect()
}

/// Whether a text holds another, a list an item, an object a name.
pub(super) fn is_in(part: &Value, whole: &Value) -> bool {
    match whole {
        Value::Text(text) => text.contains(part.to_string().as_str()),
        Value::List(items) => items.iter().any(|item| is_same(item, part)),
        Value::Object(fields) => part.as_text().is_some_and(|name| fields.contains_key(name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => whole.to_string().contains(&part.to_string()),
    }
}

/// Whether two values are equal, as `==` sees it.
pub(crate) fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right.iter()).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right.iter()).all(|((left, a), (right, b))| left == right && is_same(a, b))
        }
        _ => order(left, right) == Some(Ordering::Equal),
    }
}

/// Which of two values comes first, if they have an order.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            left.as_number().zip(right.as_number()).and_then(|(left, right)| left.partial_cmp(&right))
        }
        _ => None,
    }
}

/// A number and a text that spells one compare as numbers. Other kinds are unequal and have no order.
fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<bool, EvalError> {
    let order = order(left, right);
    let kinds = EvalError::Kinds { left: left.kind(), right: right.kind() };
    match comparison {
        Comparison::Equal => Ok(is_same(left, right)),
        Comparison::Unequal => Ok(!is_same(left, right)),
        Comparison::Less => order.map(Ordering::is_lt).ok_or(kinds),
        Comparison::LessOrEqual => order.map(Ordering::is_le).ok_or(kinds),
        Comparison::Greater => order.map(Ordering::is_gt).ok_or(kinds),
        Comparison::GreaterOrEqual => order.map(Ordering::is_ge).ok_or(kinds),
    }
}

fn calculate(operator: Operator, left: &Value, right: &Value) -> Result<Value, EvalError> {
    let (Some(a), Some(b)) = (left.as_number(), right.as_number()) else {
        return Err(EvalError::Kinds { left: left.kind(), right: right.kind() });
    };
    let result = match operator {
        Operator::Plus => a + b,
        Operator::Minus => a - b,
        Operator::Times => a * b,
        Operator::Divide => a / b,
        // The sign of the divisor, so that a day of the week is never negative.
        Operator::Remainder => a - b * (a / b).floor(),
    };
    Value::number(result).ok_or(EvalError::NotFinite)
}
