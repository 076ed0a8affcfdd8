//! Asks for free text.
//!
//! ```json
//! {"id": "ask_name", "type": "question", "data": {
//!   "text": "What is your name?", "variable": "name",
//!   "retry_text": "Please write your name.", "retries": 2, "timeout_seconds": 3600}}
//! ```
//!
//! All fields may be left out: without `text` it only waits, without `variable` the answer is kept nowhere but
//! in `input.text` of the turn. Any text is an answer, the caption of a picture too; a message without text is
//! none.
//!
//! Ports: `next`, `other` (asked in vain `retries` times), `timeout`, `error`.

use botbuilder_domain::Content;
use serde::Deserialize;

use super::{
    About, Behaviour, Port, Role, Waiting,
    patience::{Patience, Reminder},
};
use crate::{
    Input, Value,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    text: Option<Template>,
    variable: Option<String>,
    retry_text: Option<Template>,
    retries: Option<u32>,
    timeout_seconds: Option<u32>,
    #[serde(default)]
    reminders: Vec<Reminder>,
}

fn say(turn: &mut Turn<'_>, text: Option<&Template>) -> Result<(), Failure> {
    let Some(text) = text else { return Ok(()) };
    let text = turn.render(text)?;
    turn.reply(Content::text(text))
}

impl Behaviour for Question {
    fn ports(&self) -> Vec<Port<'_>> {
        let mut ports = self.patience().ports();
        ports.push(Port::optional("next"));
        ports
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        if let Some(text) = &self.text {
            text.variables(&mut about.shows);
        }
        self.patience().reads(&mut about.shows);
        about.writes.extend(self.variable.as_deref());
        about.says.extend(self.text.as_ref().map(|text| Content::text(text.outline())));
    }

    fn check(&self) -> Vec<String> {
        self.patience().check()
    }

    fn role(&self) -> Role<'_> {
        Role::Waits(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        say(turn, self.text.as_ref())?;
        Ok(self.patience().wait())
    }
}

impl Waiting for Question {
    fn patience(&self) -> Patience<'_> {
        Patience {
            retry_text: self.retry_text.as_ref(),
            retries: self.retries,
            timeout_seconds: self.timeout_seconds,
            reminders: &self.reminders,
        }
    }

    fn offers(&self, _turn: &mut Turn<'_>, _input: &Input) -> bool {
        false
    }

    fn takes_free_text(&self) -> bool {
        true
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure> {
        let fits = |answer: &&str| {
            let variable = self.variable.as_deref();
            variable.is_none_or(|variable| !turn.breaks_rules(variable, &Value::text(answer)))
        };
        let Some(answer) = input.answer().filter(fits) else {
            let text = self.retry_text.as_ref().or(self.text.as_ref());
            return self.patience().ask_again(turn, |turn| say(turn, text));
        };
        if let Some(variable) = &self.variable {
            turn.set(variable, Value::text(answer))?;
        }
        Ok(Move::Leave("next"))
    }
}
