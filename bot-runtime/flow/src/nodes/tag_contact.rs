//! Gives the contact tags, or takes them away.
//!
//! ```json
//! {"id": "mark", "type": "tag_contact", "data": {"add": ["customer", "{{ plan }}"], "remove": ["lead"]}}
//! ```
//!
//! Tags are templates; what comes out is trimmed and in lower case, and an empty one is left out.
//!
//! Ports: `next`, `error`.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    sprint::Effect,
    template::{Template, cut},
    turn::{Failure, Move, Turn},
};

/// Most tags of one node.
const TAGS_MAX: usize = 20;
/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagContact {
    #[serde(default)]
    add: Vec<Template>,
    #[serde(default)]
    remove: Vec<Template>,
}

fn render(turn: &mut Turn<'_>, tags: &[Template]) -> Result<Vec<String>, Failure> {
    let mut rendered = Vec::new();
    for tag in tags {
        let tag = turn.render(tag)?.trim().to_lowercase();
        let tag = cut(&tag, TAG_BYTES_MAX).to_owned();
        if !tag.is_empty() && !rendered.contains(&tag) {
            rendered.push(tag);
        }
    }
    Ok(rendered)
}

impl Behaviour for TagContact {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.add.iter().chain(&self.remove).for_each(|tag| tag.variables(&mut about.shows));
    }

    fn check(&self) -> Vec<String> {
        let count = self.add.len() + self.remove.len();
        let wrong = count == 0 || count > TAGS_MAX;
        if wrong { vec![format!("there are {count} tags; 1 to {TAGS_MAX} are allowed")] } else { Vec::new() }
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let (add, remove) = (render(turn, &self.add)?, render(turn, &self.remove)?);
        turn.effect(Effect::Tag { add, remove })?;
        Ok(Move::Leave("next"))
    }
}
