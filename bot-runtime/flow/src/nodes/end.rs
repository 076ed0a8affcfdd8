//! Where a conversation ends. The next message starts the flow again.
//!
//! ```json
//! {"id": "bye", "type": "end", "data": {}}
//! ```
//!
//! No ports.

use serde::Deserialize;

use super::{Behaviour, Port, Waiting};
use crate::turn::{Failure, Move, Turn};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {}

impl Behaviour for End {
    fn ports(&self) -> Vec<Port<'_>> {
        Vec::new()
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
        Ok(Move::Finish)
    }
}
