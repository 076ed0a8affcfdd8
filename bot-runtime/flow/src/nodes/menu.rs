//! Offers options, each with a port of its own.
//!
//! ```json
//! {"id": "menu", "type": "menu", "data": {
//!   "text": "What can I do for you?",
//!   "options": [{"id": "order", "title": "Order status"}, {"id": "hours", "title": "Opening hours"}],
//!   "style": "buttons", "variable": "choice",
//!   "retry_text": "Please choose one of these.", "retries": 3, "timeout_seconds": 600}}
//! ```
//!
//! A tapped button, a typed title and a typed number all choose. `style` is `buttons` or `list`; `label` opens
//! a list; an option may have a `description`. Titles, descriptions and the label are templates. `variable` receives the
//! id of the option.
//!
//! Ports: the id of each option, `other` (asked in vain `retries` times), `timeout`, `error`.

use botbuilder_domain::ChoiceStyle;
use serde::Deserialize;

use super::{
    About, Behaviour, Port, Role, Waiting,
    options::{OptionTemplate, check_options, chosen_of, offer, outlined, rendered},
    patience::{Patience, Reminder},
};
use crate::{
    Event, Input, Value,
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Ports that every menu has; no option can be called so.
const RESERVED: [&str; 4] = ["other", "timeout", "error", "default"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Menu {
    text: Template,
    options: Vec<OptionTemplate>,
    #[serde(default)]
    style: ChoiceStyle,
    label: Option<Template>,
    variable: Option<String>,
    retry_text: Option<Template>,
    retries: Option<u32>,
    timeout_seconds: Option<u32>,
    #[serde(default)]
    reminders: Vec<Reminder>,
}

impl Menu {
    fn say(&self, turn: &mut Turn<'_>, text: &Template) -> Result<(), Failure> {
        let text = turn.render(text)?;
        let options = rendered(turn, &self.options)?;
        let label = self.label.as_ref().map(|label| turn.render(label)).transpose()?;
        turn.reply(offer(text, options, self.style, label))
    }
}

impl Behaviour for Menu {
    fn ports(&self) -> Vec<Port<'_>> {
        let options = self.options.iter().map(|option| Port::required(&option.id));
        options.chain(self.patience().ports()).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        let templates = [&self.text].into_iter().chain(&self.label);
        let templates = templates.chain(self.options.iter().flat_map(OptionTemplate::templates));
        templates.for_each(|template| template.variables(&mut about.shows));
        self.patience().reads(&mut about.shows);
        about.writes.extend(self.variable.as_deref());
        let label = self.label.as_ref().map(Template::outline);
        about.says.push(offer(self.text.outline(), outlined(&self.options), self.style, label));
    }

    fn check(&self) -> Vec<String> {
        let mut faults = self.patience().check();
        faults.extend(check_options(&self.options));
        let reserved = self.options.iter().filter(|option| RESERVED.contains(&option.id.as_str()));
        faults.extend(reserved.map(|option| format!("an option cannot have the id `{}`", option.id)));
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Waits(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        self.say(turn, &self.text)?;
        Ok(self.patience().wait())
    }
}

impl Waiting for Menu {
    fn patience(&self) -> Patience<'_> {
        Patience {
            retry_text: self.retry_text.as_ref(),
            retries: self.retries,
            timeout_seconds: self.timeout_seconds,
            reminders: &self.reminders,
        }
    }

    fn offers(&self, turn: &mut Turn<'_>, input: &Input) -> bool {
        chosen_of(turn, &self.options, input).is_ok_and(|option| option.is_some())
    }

    fn takes_free_text(&self) -> bool {
        false
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure> {
        let Some(option) = chosen_of(turn, &self.options, input)? else {
            let text = self.retry_text.as_ref().unwrap_or(&self.text);
            return self.patience().ask_again(turn, |turn| self.say(turn, text));
        };
        let node = turn.node().id.clone();
        turn.event(Event::Chosen { node, option: option.id.clone() });
        if let Some(variable) = &self.variable {
            turn.set(variable, Value::text(&option.id))?;
        }
        Ok(Move::Leave(&option.id))
    }
}
