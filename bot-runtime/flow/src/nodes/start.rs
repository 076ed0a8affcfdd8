//! Where a conversation begins. Exactly one in a flow; no edge leads to it.
//!
//! ```json
//! {"id": "begin", "type": "start", "data": {}}
//! ```
//!
//! Port: `next`.

use serde::Deserialize;

use super::{Behaviour, Port, Waiting};
use crate::turn::{Failure, Move, Turn};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {}

impl Behaviour for Start {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::required("next")]
    }

    fn goes_to(&self) -> Option<&str> {
        None
    }

    fn reads<'n>(&'n self, _names: &mut Vec<&'n str>) {}

    fn writes(&self) -> Option<&str> {
        None
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn waiting(&self) -> Option<&dyn Waiting> {
        None
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        Ok(Move::Leave("next"))
    }
}
