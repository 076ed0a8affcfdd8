//! Asks for an answer of a certain format and checks it.
//!
//! ```json
//! {"id": "ask_order", "type": "input", "data": {
//!   "text": "What is your order number?", "variable": "order",
//!   "format": "number", "integer": true, "min": 1000, "max": 9999, "valid": "input.value % 10 != 0",
//!   "retry_text": "An order number has four digits.", "retries": 2, "timeout_seconds": 3600}}
//! ```
//!
//! | `format` | Takes | The variable holds |
//! | --- | --- | --- |
//! | `text` | text of `min_length` to `max_length` characters that matches `pattern` | the text |
//! | `number` | `12`, `12.5`, `12,5`, with `min`, `max`, `integer` | a number |
//! | `email` | an e-mail address | it, its domain in lower case |
//! | `phone` | 7 to 15 digits, `+`, spaces, dashes, dots, brackets | `+` where it was there, and the digits |
//! | `url` | an http or https address; `https://` is added where it is missing | it |
//! | `date` | `2026-01-31`, `31.1.2026`, `31/1/2026`, from `earliest` to `latest` | `2026-01-31` |
//! | `time` | `14:30`, `14.30`, `2:30 pm`, `2pm`, from `earliest` to `latest` | `14:30` |
//! | `choice` | one of `options`, as in a menu (`style`, `label`) | the option's id |
//! | `rating` | `4`, `4/5`, stars; buttons from 1 to `max` (2 to 10, 5 if not given) are offered | a number |
//! | `location` | a place that is shared, or `48.137, 11.575` | `latitude`, `longitude`, `name`, `address` |
//! | `file` | a file of one of the kinds in `media`, of up to `max_bytes` | `kind`, `url`, `reference`, `type`, `name`, `size`, `caption`; of several sent together that of the first, and `files` with all |
//!
//! `earliest` and `latest` are templates. `valid` is an expression over `input.value` that must hold as well, and the rules of
//! the variable must be kept. The kinds
//! of files are `image`, `video`, `audio`, `document` and `sticker`.
//!
//! Ports: `next`, `other` (asked in vain `retries` times), `timeout`, `error`.

use std::sync::Arc;

use botbuilder_domain::{ChoiceOption, ChoiceStyle, Content, Location, Media, MediaKind};
use serde::Deserialize;

use super::{
    About, Behaviour, Port, Role, Waiting,
    options::{OptionTemplate, check_options, chosen_of, offer, outlined, rendered},
    patience::{Patience, Reminder},
};
use crate::{
    Event, Input as TurnInput, Value,
    expression::Expression,
    reading,
    template::Template,
    turn::{Failure, Move, Turn},
    variable::Pattern,
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
    pattern: Option<Pattern>,
    earliest: Option<Template>,
    latest: Option<Template>,
    #[serde(default)]
    options: Vec<OptionTemplate>,
    #[serde(default)]
    style: ChoiceStyle,
    label: Option<Template>,
    #[serde(default)]
    media: Vec<MediaKind>,
    max_bytes: Option<u64>,
    valid: Option<Expression>,
    retry_text: Option<Template>,
    retries: Option<u32>,
    timeout_seconds: Option<u32>,
    #[serde(default)]
    reminders: Vec<Reminder>,
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
    Rating,
    Location,
    File,
}

impl Input {
    fn say(&self, turn: &mut Turn<'_>, text: &Template) -> Result<(), Failure> {
        let text = turn.render(text)?;
        let options = match self.format {
            Format::Choice => rendered(turn, &self.options)?,
            Format::Rating => self.marks(),
            _ => return turn.reply(Content::text(text)),
        };
        let label = self.label.as_ref().map(|label| turn.render(label)).transpose()?;
        turn.reply(offer(text, options, self.style, label))
    }

    /// What it says, with an ellipsis in every place.
    fn outline(&self) -> Content {
        let (text, label) = (self.text.outline(), self.label.as_ref().map(Template::outline));
        match self.format {
            Format::Choice => offer(text, outlined(&self.options), self.style, label),
            Format::Rating => offer(text, self.marks(), self.style, label),
            _ => Content::text(text),
        }
    }

    /// The largest rating.
    fn best(&self) -> u32 {
        let best = Value::Number(self.max.unwrap_or(5.0));
        (2..=10).find(|mark| is_number(&best, *mark)).unwrap_or(5)
    }

    /// The marks that a rating offers.
    fn marks(&self) -> Vec<ChoiceOption> {
        let mark =
            |mark: u32| ChoiceOption { id: mark.to_string(), title: mark.to_string(), description: None };
        (1..=self.best()).map(mark).collect()
    }

    /// The value of an answer of the right format.
    fn read(&self, turn: &mut Turn<'_>, input: &TurnInput) -> Result<Option<Value>, Failure> {
        if self.format == Format::Choice {
            let chosen = chosen_of(turn, &self.options, input)?;
            return Ok(chosen.map(|option| Value::text(&option.id)));
        }
        Ok(self.read_text(input))
    }

    /// The same for everything but a choice.
    fn read_text(&self, input: &TurnInput) -> Option<Value> {
        match self.format {
            Format::Location => return location(input),
            Format::File => return self.file(input),
            _ => {}
        }
        let answer = input.answer()?;
        match self.format {
            Format::Text => self.fits_text(answer).then(|| Value::text(answer)),
            Format::Number => {
                reading::number(answer).filter(|number| self.fits_range(*number)).map(Value::Number)
            }
            Format::Email => reading::email(answer).map(Value::text),
            Format::Phone => reading::phone(answer).map(Value::text),
            Format::Url => reading::url(answer).map(Value::text),
            Format::Date => reading::date(answer).map(Value::text),
            Format::Time => reading::time(answer).map(Value::text),
            Format::Rating => reading::rating(answer, self.best()).map(|mark| Value::Number(mark.into())),
            Format::Choice | Format::Location | Format::File => None,
        }
    }

    fn fits_text(&self, answer: &str) -> bool {
        let length = answer.chars().count();
        self.min_length.is_none_or(|min| length >= min)
            && self.max_length.is_none_or(|max| length <= max)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(answer))
    }

    fn fits_range(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && (!self.integer || number.fract() == 0.0)
    }

    fn file(&self, input: &TurnInput) -> Option<Value> {
        let TurnInput::Message { content, .. } = input else { return None };
        let fits = |file: &&Media| {
            (self.media.is_empty() || self.media.contains(&file.media))
                && self.max_bytes.is_none_or(|max| file.size.is_none_or(|size| size <= max))
        };
        let files: Vec<Value> = content.files().iter().filter(fits).map(described).collect();
        let mut answer = files.first()?.clone();
        if let (Value::Object(fields), true) = (&mut answer, files.len() > 1) {
            Arc::make_mut(fields).insert("files".into(), Value::List(Arc::new(files)));
        }
        Some(answer)
    }

    /// Whether a value of the right format is also within its bounds, and valid.
    fn fits(&self, turn: &mut Turn<'_>, value: &Value) -> Result<bool, Failure> {
        // Days and times of day in their one form are in order as texts.
        let text = value.as_text().unwrap_or_default();
        let read = |text: &str| match self.format {
            Format::Time => reading::time(text.trim()),
            _ => reading::date(text.trim()),
        };
        if let Some(earliest) = &self.earliest
            && read(&turn.render(earliest)?).is_some_and(|earliest| text < earliest.as_str())
        {
            return Ok(false);
        }
        if let Some(latest) = &self.latest
            && read(&turn.render(latest)?).is_some_and(|latest| text > latest.as_str())
        {
            return Ok(false);
        }
        let Some(valid) = &self.valid else { return Ok(true) };
        turn.facts().input_value = value.clone();
        let valid = turn.evaluate(valid);
        turn.facts().input_value = Value::Null;
        valid.map(|valid| valid.is_true())
    }
}

fn is_number(value: &Value, number: u32) -> bool {
    *value == Value::Number(number.into())
}

fn location(input: &TurnInput) -> Option<Value> {
    let optional = |text: &Option<String>| text.as_ref().map_or(Value::Null, Value::text);
    let place = if let TurnInput::Message { content: Content::Location(place), .. } = input {
        place.clone()
    } else {
        let (latitude, longitude) = reading::coordinates(input.answer()?)?;
        Location { latitude, longitude, name: None, address: None }
    };
    Some(Value::object([
        ("latitude", Value::number(place.latitude)?),
        ("longitude", Value::number(place.longitude)?),
        ("name", optional(&place.name)),
        ("address", optional(&place.address)),
    ]))
}

fn described(file: &Media) -> Value {
    let optional = |text: &Option<String>| text.as_ref().map_or(Value::Null, Value::text);
    #[expect(clippy::cast_precision_loss, reason = "no file is so large")]
    let size = file.size.map_or(Value::Null, |size| Value::Number(size as f64));
    Value::object([
        ("kind", Value::text(Content::Media(file.clone()).kind())),
        ("url", optional(&file.url)),
        ("reference", optional(&file.provider_ref)),
        ("type", optional(&file.mime_type)),
        ("name", optional(&file.file_name)),
        ("size", size),
        ("caption", optional(&file.caption)),
    ])
}

impl Behaviour for Input {
    fn ports(&self) -> Vec<Port<'_>> {
        let mut ports = self.patience().ports();
        ports.push(Port::optional("next"));
        ports
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        let templates = [&self.text].into_iter().chain(&self.earliest).chain(&self.latest).chain(&self.label);
        let templates = templates.chain(self.options.iter().flat_map(OptionTemplate::templates));
        templates.for_each(|template| template.variables(&mut about.shows));
        self.valid.iter().for_each(|valid| valid.variables(&mut about.reads));
        self.patience().reads(&mut about.shows);
        about.writes.push(&self.variable);
        about.says.push(self.outline());
    }

    fn check(&self) -> Vec<String> {
        let mut faults = self.patience().check();
        let belongs = |there: bool, fields: &str, formats: &[Format], names: &str| {
            (there && !formats.contains(&self.format))
                .then(|| format!("{fields} belong to the format {names}"))
        };
        let has_length = self.min_length.is_some() || self.max_length.is_some();
        let has_bounds = self.earliest.is_some() || self.latest.is_some();
        let has_file = !self.media.is_empty() || self.max_bytes.is_some();
        let number = [Format::Number];
        faults.extend(
            [
                belongs(!self.options.is_empty(), "`options`", &[Format::Choice], "`choice`"),
                belongs(self.min.is_some() || self.integer, "`min` and `integer`", &number, "`number`"),
                belongs(
                    self.max.is_some(),
                    "`max`",
                    &[Format::Number, Format::Rating],
                    "`number` or `rating`",
                ),
                belongs(has_length, "`min_length` and `max_length`", &[Format::Text], "`text`"),
                belongs(self.pattern.is_some(), "`pattern`", &[Format::Text], "`text`"),
                belongs(
                    has_bounds,
                    "`earliest` and `latest`",
                    &[Format::Date, Format::Time],
                    "`date` or `time`",
                ),
                belongs(has_file, "`media` and `max_bytes`", &[Format::File], "`file`"),
            ]
            .into_iter()
            .flatten(),
        );
        if self.format == Format::Choice {
            faults.extend(check_options(&self.options));
        }
        if self.format == Format::Rating
            && self.max.is_some_and(|max| !(2..=10).any(|mark| is_number(&Value::Number(max), mark)))
        {
            faults.push("`max` of a rating is a whole number from 2 to 10".to_owned());
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max)
            || self.min_length.zip(self.max_length).is_some_and(|(min, max)| min > max)
        {
            faults.push("the smallest is larger than the largest".to_owned());
        }
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

impl Waiting for Input {
    fn offers(&self, turn: &mut Turn<'_>, input: &TurnInput) -> bool {
        matches!(self.format, Format::Choice | Format::Rating)
            && self.read(turn, input).is_ok_and(|value| value.is_some())
    }

    fn takes_free_text(&self) -> bool {
        !matches!(self.format, Format::Choice | Format::Rating | Format::File)
    }

    fn patience(&self) -> Patience<'_> {
        Patience {
            retry_text: self.retry_text.as_ref(),
            retries: self.retries,
            timeout_seconds: self.timeout_seconds,
            reminders: &self.reminders,
        }
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &TurnInput) -> Result<Move<'_>, Failure> {
        let value = match self.read(turn, input)? {
            Some(value) if self.fits(turn, &value)? && !turn.breaks_rules(&self.variable, &value) => value,
            _ => {
                let text = self.retry_text.as_ref().unwrap_or(&self.text);
                return self.patience().ask_again(turn, |turn| self.say(turn, text));
            }
        };
        if matches!(self.format, Format::Choice | Format::Rating) {
            let node = turn.node().id.clone();
            turn.event(Event::Chosen { node, option: value.to_string() });
        }
        turn.set(&self.variable, value)?;
        Ok(Move::Leave("next"))
    }
}
