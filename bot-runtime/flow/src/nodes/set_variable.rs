//! Sets a variable.
//!
//! ```json
//! {"id": "count", "type": "set_variable", "data": {"name": "tries", "value": "{{ tries + 1 }}"}}
//! ```
//!
//! `value` is a template, a number, true, false, null, or a list or object whose texts are templates. A template that
//! is one tag keeps the kind of its value; any other gives a text. The value must fit the variable's declared type.
//!
//! Ports: `next`, `error`.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{About, Behaviour, Port, Role};
use crate::{
    Value,
    json_template::JsonTemplate,
    sprint::Reason,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetVariable {
    name: String,
    value: Source,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Json")]
enum Source {
    Template(Template),
    Json(JsonTemplate),
    Fixed(Value),
}

impl TryFrom<Json> for Source {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        match json {
            Json::String(source) => match Template::parse(&source) {
                Ok(template) => Ok(Self::Template(template)),
                Err(error) => Err(format!("bad template: {error}")),
            },
            Json::Null => Ok(Self::Fixed(Value::Null)),
            Json::Bool(value) => Ok(Self::Fixed(Value::Bool(value))),
            Json::Number(number) => {
                let value = number.as_f64().and_then(Value::number).ok_or("the number is too large")?;
                Ok(Self::Fixed(value))
            }
            json @ (Json::Array(_) | Json::Object(_)) => JsonTemplate::try_from(json).map(Self::Json),
        }
    }
}

impl Behaviour for SetVariable {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        match &self.value {
            Source::Template(template) => template.variables(&mut about.shows),
            Source::Json(json) => json.variables(&mut about.shows),
            Source::Fixed(_) => {}
        }
        about.writes.push(&self.name);
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let value = match &self.value {
            Source::Template(template) => turn.value(template)?,
            Source::Json(json) => {
                let json = json.fill(turn)?;
                Value::from_json(&json).ok_or(Failure::Error(Reason::TooLarge))?
            }
            Source::Fixed(value) => value.clone(),
        };
        turn.set(&self.name, value)?;
        Ok(Move::Leave("next"))
    }
}
