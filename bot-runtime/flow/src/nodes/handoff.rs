//! Hands the conversation to a person.
//!
//! ```json
//! {"id": "to_a_person", "type": "handoff", "data": {
//!   "text": "Somebody will be with you shortly.", "note": "Order {{ order }} is missing", "priority": "high"}}
//! ```
//!
//! All fields may be left out: `text` is said to the person, without it the bot's message of the kind `handoff` or `away`; `note` is for whoever takes over, `priority` is `low`,
//! `normal`, `high` or `urgent`. The flow ends here; the bot is silent until it is given the conversation back, and the
//! next message then starts the flow.
//!
//! Ports: `unavailable` (the bot hands nothing over; else `error`), `error`.

use botbuilder_domain::Content;
use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    Event,
    sprint::{Effect, Priority, Reason},
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handoff {
    text: Option<Template>,
    note: Option<Template>,
    #[serde(default)]
    priority: Priority,
}

impl Behaviour for Handoff {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("unavailable")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.text.iter().chain(&self.note).for_each(|text| text.variables(&mut about.shows));
        about.says.extend(self.text.as_ref().map(|text| Content::text(text.outline())));
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        if !turn.settings().handoff {
            let connected = turn.node().exit("unavailable").is_some();
            let unavailable = Failure::Error(Reason::NotAvailable);
            return if connected { Ok(Move::Leave("unavailable")) } else { Err(unavailable) };
        }
        if let Some(text) = &self.text {
            let text = turn.render(text)?;
            turn.reply(Content::text(text))?;
        } else {
            turn.say_handoff()?;
        }
        let note = self.note.as_ref().map(|note| turn.render(note)).transpose()?;
        turn.effect(Effect::Handoff { note, priority: self.priority })?;
        let node = turn.node().id.clone();
        turn.event(Event::HandedOff { node });
        Ok(Move::End)
    }
}
