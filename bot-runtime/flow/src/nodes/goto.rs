//! Goes on at another node, without an edge drawn across the canvas.
//!
//! ```json
//! {"id": "again", "type": "goto", "data": {"node": "menu"}}
//! ```
//!
//! No ports.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    NodeId,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goto {
    node: NodeId,
}

impl Behaviour for Goto {
    fn ports(&self) -> Vec<Port<'_>> {
        Vec::new()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        about.jump = Some(self.node.as_str());
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        Ok(Move::Jump(&self.node))
    }
}
