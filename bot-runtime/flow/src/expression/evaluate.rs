//! A tree to a value.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use chrono::NaiveDateTime;

use super::{Comparison, Fact, Node, Operator, Value};

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
            Value::Text(text) => self.spend(text.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
}

/// What the facts hold during one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// `contact.name`.
    pub contact_name: Value,
    /// `contact.locale`.
    pub contact_locale: Value,
    /// `channel`.
    pub channel: Value,
    /// `input.text`.
    pub input_text: Value,
    /// `input.payload`.
    pub input_payload: Value,
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
    /// Now, on the flow's clock.
    pub local: NaiveDateTime,
}

impl Scope<'_> {
    fn variable(&self, name: &str) -> Value {
        self.variables.get(name).or_else(|| self.defaults.get(name)).cloned().unwrap_or_default()
    }

    fn fact(&self, fact: Fact) -> Value {
        match fact {
            Fact::ContactName => &self.facts.contact_name,
            Fact::ContactLocale => &self.facts.contact_locale,
            Fact::Channel => &self.facts.channel,
            Fact::InputText => &self.facts.input_text,
            Fact::InputPayload => &self.facts.input_payload,
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
        Node::Calculate(operator, left, right) => {
            let (left, right) = (evaluate(left, scope, budget)?, evaluate(right, scope, budget)?);
            budget.spend_on(&left)?;
            budget.spend_on(&right)?;
            calculate(*operator, &left, &right)
        }
        Node::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|argument| evaluate(argument, scope, budget))
                .collect::<Result<_, _>>()?;
            function.call(&arguments, scope, budget)
        }
    }
}

/// A number and a text that spells one compare as numbers. Other kinds are unequal and have no order.
fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<bool, EvalError> {
    let order = match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            left.as_number().zip(right.as_number()).and_then(|(left, right)| left.partial_cmp(&right))
        }
        _ => None,
    };
    let kinds = EvalError::Kinds { left: left.kind(), right: right.kind() };
    match comparison {
        Comparison::Equal => Ok(order == Some(Ordering::Equal)),
        Comparison::Unequal => Ok(order != Some(Ordering::Equal)),
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
    };
    Value::number(result).ok_or(EvalError::NotFinite)
}
