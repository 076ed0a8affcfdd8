//! Branches on an expression.
//!
//! ```json
//! {"id": "is_open", "type": "condition", "data": {"expression": "weekday() <= 5 and hour() >= 9 and hour() < 17"}}
//! ```
//!
//! Ports: `true`, `false`, and `error` for an expression without a value. Where neither `error` nor `default`
//! is connected, such an expression counts as false.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    Event,
    expression::Expression,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    expression: Expression,
}

impl Behaviour for Condition {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::required("true"), Port::required("false")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.expression.variables(&mut about.reads);
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        match turn.evaluate(&self.expression) {
            Ok(value) if value.is_true() => Ok(Move::Leave("true")),
            Ok(_) => Ok(Move::Leave("false")),
            Err(Failure::Error(reason)) if turn.node().exit("error").is_none() => {
                let node = turn.node().id.clone();
                turn.event(Event::Error { node, reason });
                Ok(Move::Leave("false"))
            }
            Err(failure) => Err(failure),
        }
    }
}
