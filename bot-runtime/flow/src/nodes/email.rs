//! Sends an e-mail of plain text.
//!
//! ```json
//! {"id": "confirm", "type": "email", "data": {
//!   "to": "{{ email }}", "subject": "Your order {{ order }}", "text": "Thank you, {{ contact.name }}."}}
//! ```
//!
//! It is queued with the turn and sent by the e-mail job. An address that is none takes the `error` port.
//!
//! Ports: `next`, `error`.

use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    reading,
    sprint::{Effect, Email as Mail, Reason},
    template::{Template, cut},
    turn::{Failure, Move, Turn},
};

/// Longest subject, in bytes.
const SUBJECT_MAX: usize = 300;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Email {
    to: Template,
    subject: Template,
    text: Template,
}

impl Behaviour for Email {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        for text in [&self.to, &self.subject, &self.text] {
            text.variables(&mut about.shows);
        }
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let to = reading::email(turn.render(&self.to)?.trim()).ok_or(Failure::Error(Reason::Unusable))?;
        // A line break would begin another header.
        let subject = turn.render(&self.subject)?.replace(|letter: char| letter.is_control(), " ");
        let text = turn.render(&self.text)?;
        turn.effect(Effect::Email(Mail { to, subject: cut(&subject, SUBJECT_MAX).to_owned(), text }))?;
        Ok(Move::Leave("next"))
    }
}
