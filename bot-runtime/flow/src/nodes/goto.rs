//! Goes on at another node, without an edge drawn across the canvas.
//!
//! ```json
//! {"id": "again", "type": "goto", "data": {"node": "menu"}}
//! ```
//!
//! No ports.

use serde::Deserialize;

use super::{Behaviour, Port, Waiting};
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

    fn goes_to(&self) -> Option<&str> {
        Some(self.node.as_str())
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
        Ok(Move::Jump(&self.node))
    }
}
