//! Branches on an expression.
//!
//! ```json
//! {"id": "is_open", "type": "condition", "data": {"expression": "weekday() <= 5 and hour() >= 9 and hour() < 17"}}
//! ```
//!
//! Ports: `true`, `false`, and `error` for an expression without a value. Where neither `error` nor `default`
//! is connected, such an expression counts as false.

use serde::Deserialize;

use super::{Behaviour, Port, Waiting};
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

    fn goes_to(&self) -> Option<&str> {
        None
    }

    fn reads<'n>(&'n self, names: &mut Vec<&'n str>) {
        self.expression.variables(names);
    }

    fn writes(&self) -> Option<&str> {
        None
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn waiting(&self) -> Option<&dyn Waiting> {
        None
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
