//! Where a conversation ends. The next message starts the flow again.
//!
//! ```json
//! {"id": "bye", "type": "end", "data": {}}
//! ```
//!
//! No ports.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::turn::{Failure, Move, Turn};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {}

impl Behaviour for End {
    fn ports(&self) -> Vec<Port<'_>> {
        Vec::new()
    }

    fn describe<'n>(&'n self, _about: &mut About<'n>) {}

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, _turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        Ok(Move::Finish)
    }
}
