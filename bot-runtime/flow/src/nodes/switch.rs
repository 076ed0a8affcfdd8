//! Branches by the first case that applies.
//!
//! ```json
//! {"id": "by_country", "type": "switch", "data": {
//!   "value": "lower(country)",
//!   "cases": [{"id": "dach", "in": ["de", "at", "ch"]}, {"id": "fr", "equals": "fr"},
//!             {"id": "big", "when": "total > 1000"}]}}
//! ```
//!
//! A case compares `value` (an expression) by `equals` or `in`, or decides by an expression of its own, `when`; one
//! without a value does not apply. Numbers and texts that spell them are equal.
//!
//! Ports: the id of each case, `other` (none applies), `error`.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{About, Behaviour, Port, Role, check_ports};
use crate::{
    Event, Value,
    expression::{Expression, is_same},
    turn::{Failure, Move, Turn},
};

/// Most cases of one switch.
const CASES_MAX: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    value: Option<Expression>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a case")]
struct Case {
    id: String,
    equals: Option<Json>,
    #[serde(rename = "in")]
    among: Option<Vec<Json>>,
    when: Option<Expression>,
}

impl Case {
    fn applies(&self, turn: &mut Turn<'_>, value: &Value) -> Result<bool, Failure> {
        if let Some(expression) = &self.when {
            return match turn.evaluate(expression) {
                Ok(value) => Ok(value.is_true()),
                Err(Failure::Error(reason)) => {
                    let node = turn.node().id.clone();
                    turn.event(Event::Error { node, reason });
                    Ok(false)
                }
                Err(failure) => Err(failure),
            };
        }
        let same = |json: &Json| Value::from_json(json).is_some_and(|other| is_same(value, &other));
        Ok(self.equals.iter().chain(self.among.iter().flatten()).any(same))
    }
}

impl Behaviour for Switch {
    fn ports(&self) -> Vec<Port<'_>> {
        let cases = self.cases.iter().map(|case| Port::required(&case.id));
        cases.chain([Port::required("other")]).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        let expressions = self.value.iter().chain(self.cases.iter().filter_map(|case| case.when.as_ref()));
        expressions.for_each(|expression| expression.variables(&mut about.reads));
    }

    fn check(&self) -> Vec<String> {
        let names = self.cases.iter().map(|case| case.id.as_str());
        let mut faults = check_ports("case", names, &["other", "error", "default"]);
        if self.cases.is_empty() || self.cases.len() > CASES_MAX {
            faults.push(format!("there are {} cases; 1 to {CASES_MAX} are allowed", self.cases.len()));
        }
        for Case { id, equals, among, when } in &self.cases {
            let ways =
                usize::from(equals.is_some()) + usize::from(among.is_some()) + usize::from(when.is_some());
            if ways != 1 {
                faults.push(format!("the case `{id}` has not exactly one of `equals`, `in` and `when`"));
            }
            if when.is_none() && self.value.is_none() {
                faults.push(format!("the case `{id}` compares a `value` that is not there"));
            }
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let value = match &self.value {
            Some(expression) => turn.evaluate(expression)?,
            None => Value::Null,
        };
        for case in &self.cases {
            if case.applies(turn, &value)? {
                let node = turn.node().id.clone();
                turn.event(Event::Chosen { node, option: case.id.clone() });
                return Ok(Move::Leave(&case.id));
            }
        }
        Ok(Move::Leave("other"))
    }
}
