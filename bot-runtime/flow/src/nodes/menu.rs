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
//! a list; an option may have a `description`. `variable` receives the id of the option.
//!
//! Ports: the id of each option, `other` (asked in vain `retries` times), `timeout`, `error`.

use botbuilder_domain::{Choice, ChoiceOption, ChoiceStyle, Content};
use serde::Deserialize;

use super::{
    About, Behaviour, Port, Role, Waiting,
    patience::{Patience, Reminder},
};
use crate::{
    Event, Input, Value,
    definition::NAME_MAX,
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most options of one menu.
const OPTIONS_MAX: usize = 50;
/// Ports that every menu has; no option can be called so.
const RESERVED: [&str; 4] = ["other", "timeout", "error", "default"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Menu {
    text: Template,
    options: Vec<ChoiceOption>,
    #[serde(default)]
    style: ChoiceStyle,
    label: Option<String>,
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
        turn.reply(offer(text, &self.options, self.style, self.label.as_ref()))
    }
}

/// The message that shows options.
pub(super) fn offer(
    text: String,
    options: &[ChoiceOption],
    style: ChoiceStyle,
    label: Option<&String>,
) -> Content {
    Content::Choice(Choice { text, options: options.to_vec(), style, label: label.cloned() })
}

/// The option that an input chooses: by its id when tapped, by its title or number when typed.
pub(super) fn chosen<'o>(options: &'o [ChoiceOption], input: &Input) -> Option<&'o ChoiceOption> {
    let by_id = |id: &str| options.iter().find(|option| option.id == id);
    match input {
        Input::Postback { payload, .. } => by_id(payload),
        Input::Message { .. } => {
            let choice = Choice {
                text: String::new(),
                options: options.to_vec(),
                style: ChoiceStyle::default(),
                label: None,
            };
            choice.resolve(input.answer()?).and_then(|option| by_id(&option.id))
        }
        Input::Opened { .. } | Input::Timeout { .. } | Input::Answer { .. } | Input::Event { .. } => None,
    }
}

/// What is wrong with a list of options.
pub(super) fn check_options(options: &[ChoiceOption]) -> Vec<String> {
    let mut faults = Vec::new();
    if options.is_empty() || options.len() > OPTIONS_MAX {
        faults.push(format!("there are {} options; 1 to {OPTIONS_MAX} are allowed", options.len()));
    }
    for (index, option) in options.iter().enumerate() {
        let id = &option.id;
        if id.is_empty() || id.chars().count() > NAME_MAX || option.title.trim().is_empty() {
            faults.push(format!("the option `{id}` has no id, no title, or an id that is too long"));
        }
        if options[..index].iter().any(|before| before.id == *id) {
            faults.push(format!("the option `{id}` is there twice"));
        }
    }
    faults
}

impl Behaviour for Menu {
    fn ports(&self) -> Vec<Port<'_>> {
        let options = self.options.iter().map(|option| Port::required(&option.id));
        options.chain(self.patience().ports()).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.text.variables(&mut about.shows);
        self.patience().reads(&mut about.shows);
        about.writes.extend(self.variable.as_deref());
        about.says.push(offer(self.text.outline(), &self.options, self.style, self.label.as_ref()));
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

    fn offers(&self, input: &Input) -> bool {
        chosen(&self.options, input).is_some()
    }

    fn takes_free_text(&self) -> bool {
        false
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure> {
        let Some(option) = chosen(&self.options, input) else {
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
