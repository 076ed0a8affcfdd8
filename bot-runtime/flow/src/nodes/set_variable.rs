//! Sets a variable.
//!
//! ```json
//! {"id": "count", "type": "set_variable", "data": {"name": "tries", "value": "{{ tries + 1 }}"}}
//! ```
//!
//! `value` is a template, a number, true, false or null. A template that is one tag without filters keeps the
//! kind of its expression's value; any other gives a text. The value must fit the variable's declared type.
//!
//! Ports: `next`, `error`.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Behaviour, Port, Waiting};
use crate::{
    Value,
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
            Json::Array(_) | Json::Object(_) => Err("`value` is a list or an object".to_owned()),
        }
    }
}

impl Behaviour for SetVariable {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn goes_to(&self) -> Option<&str> {
        None
    }

    fn reads<'n>(&'n self, names: &mut Vec<&'n str>) {
        match &self.value {
            Source::Template(template) => template.variables(names),
            Source::Fixed(_) => {}
        }
    }

    fn writes(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn waiting(&self) -> Option<&dyn Waiting> {
        None
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let value = match &self.value {
            Source::Template(template) => turn.value(template)?,
            Source::Fixed(value) => value.clone(),
        };
        turn.set(&self.name, value)?;
        Ok(Move::Leave("next"))
    }
}
