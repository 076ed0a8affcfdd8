//! Where a conversation begins. Exactly one in a flow; no edge leads to it.
//!
//! ```json
//! {"id": "begin", "type": "start", "data": {}}
//! ```
//!
//! Port: `next`.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::turn::{Failure, Move, Turn};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {}

impl Behaviour for Start {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::required("next")]
    }

    fn describe<'n>(&'n self, _about: &mut About<'n>) {}

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        Ok(Move::Leave("next"))
    }
}
