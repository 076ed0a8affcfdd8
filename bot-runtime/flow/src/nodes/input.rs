//! Asks for an answer of a certain format and checks it.
//!
//! ```json
//! {"id": "ask_order", "type": "input", "data": {
//!   "text": "What is your order number?", "variable": "order",
//!   "format": "number", "integer": true, "min": 1000, "max": 9999,
//!   "retry_text": "An order number has four digits.", "retries": 2, "timeout_seconds": 3600}}
//! ```
//!
//! | `format` | Takes | The variable holds |
//! | --- | --- | --- |
//! | `text` | text of `min_length` to `max_length` characters | the text |
//! | `number` | `12`, `12.5`, `12,5`, with `min`, `max`, `integer` | a number |
//! | `email` | an e-mail address | it, its domain in lower case |
//! | `phone` | 7 to 15 digits, `+`, spaces, dashes, dots, brackets | `+` where it was there, and the digits |
//! | `url` | an http or https address; `https://` is added where it is missing | it |
//! | `date` | `2026-01-31`, `31.1.2026`, `31/1/2026` | `2026-01-31` |
//! | `time` | `14:30`, `14.30`, `2:30 pm`, `2pm` | `14:30` |
//! | `choice` | one of `options`, as in a menu (`style`, `label`) | the option's id |
//!
//! Ports: `next`, `other` (asked in vain `retries` times), `timeout`, `error`.

use botbuilder_domain::{ChoiceOption, ChoiceStyle, Content};
use serde::Deserialize;

use super::{
    Behaviour, Port, Waiting,
    menu::{check_options, chosen, offer},
    patience::Patience,
};
use crate::{
    Event, Input as TurnInput, Value, reading,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    text: Template,
    variable: String,
    #[serde(default)]
    format: Format,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    integer: bool,
    min_length: Option<usize>,
    max_length: Option<usize>,
    #[serde(default)]
    options: Vec<ChoiceOption>,
    #[serde(default)]
    style: ChoiceStyle,
    label: Option<String>,
    retry_text: Option<Template>,
    retries: Option<u32>,
    timeout_seconds: Option<u32>,
}

/// What an answer must look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Text,
    Number,
    Email,
    Phone,
    Url,
    Date,
    Time,
    Choice,
}

impl Input {
    fn patience(&self) -> Patience<'_> {
        Patience {
            retry_text: self.retry_text.as_ref(),
            retries: self.retries,
            timeout_seconds: self.timeout_seconds,
        }
    }

    fn say(&self, turn: &mut Turn<'_>, text: &Template) -> Result<(), Failure> {
        let text = turn.render(text)?;
        turn.reply(match self.format {
            Format::Choice => offer(text, &self.options, self.style, self.label.as_ref()),
            _ => Content::text(text),
        })
    }

    /// The value of an answer that fits.
    fn read(&self, input: &TurnInput) -> Option<Value> {
        let answer = input.answer()?;
        match self.format {
            Format::Text => self.fits_length(answer).then(|| Value::text(answer)),
            Format::Number => {
                reading::number(answer).filter(|number| self.fits_range(*number)).map(Value::Number)
            }
            Format::Email => reading::email(answer).map(Value::text),
            Format::Phone => reading::phone(answer).map(Value::text),
            Format::Url => reading::url(answer).map(Value::text),
            Format::Date => reading::date(answer).map(Value::text),
            Format::Time => reading::time(answer).map(Value::text),
            Format::Choice => chosen(&self.options, input).map(|option| Value::text(&option.id)),
        }
    }

    fn fits_length(&self, answer: &str) -> bool {
        let length = answer.chars().count();
        self.min_length.is_none_or(|min| length >= min) && self.max_length.is_none_or(|max| length <= max)
    }

    fn fits_range(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && (!self.integer || number.fract() == 0.0)
    }
}

impl Behaviour for Input {
    fn ports(&self) -> Vec<Port<'_>> {
        let mut ports = self.patience().ports();
        ports.push(Port::optional("next"));
        ports
    }

    fn goes_to(&self) -> Option<&str> {
        None
    }

    fn reads<'n>(&'n self, names: &mut Vec<&'n str>) {
        self.text.variables(names);
        self.patience().reads(names);
    }

    fn writes(&self) -> Option<&str> {
        Some(&self.variable)
    }

    fn check(&self) -> Vec<String> {
        let mut faults = self.patience().check();
        if self.format == Format::Choice {
            faults.extend(check_options(&self.options));
        } else if !self.options.is_empty() {
            faults.push("`options` belong to the format `choice`".to_owned());
        }
        let is_number = self.format == Format::Number;
        if !is_number && (self.min.is_some() || self.max.is_some() || self.integer) {
            faults.push("`min`, `max` and `integer` belong to the format `number`".to_owned());
        }
        if self.format != Format::Text && (self.min_length.is_some() || self.max_length.is_some()) {
            faults.push("`min_length` and `max_length` belong to the format `text`".to_owned());
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max)
            || self.min_length.zip(self.max_length).is_some_and(|(min, max)| min > max)
        {
            faults.push("the smallest is larger than the largest".to_owned());
        }
        faults
    }

    fn waiting(&self) -> Option<&dyn Waiting> {
        Some(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        self.say(turn, &self.text)?;
        Ok(self.patience().wait())
    }
}

impl Waiting for Input {
    fn offers(&self, input: &TurnInput) -> bool {
        self.format == Format::Choice && self.read(input).is_some()
    }

    fn takes_free_text(&self) -> bool {
        self.format != Format::Choice
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &TurnInput) -> Result<Move<'_>, Failure> {
        let Some(value) = self.read(input) else {
            let text = self.retry_text.as_ref().unwrap_or(&self.text);
            return self.patience().ask_again(turn, |turn| self.say(turn, text));
        };
        if let (Format::Choice, Value::Text(option)) = (self.format, &value) {
            let node = turn.node().id.clone();
            turn.event(Event::Chosen { node, option: option.to_string() });
        }
        turn.set(&self.variable, value)?;
        Ok(Move::Leave("next"))
    }
}
