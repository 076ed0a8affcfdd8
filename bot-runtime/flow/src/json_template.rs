//! JSON whose texts are templates: bodies of requests, data of events.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::{
    template::Template,
    turn::{Failure, Turn},
};

/// Most values in one document.
const VALUES_MAX: usize = 500;
/// Deepest nesting.
const DEPTH_MAX: usize = 16;

/// JSON whose texts are templates. A text that is one tag becomes what the tag holds: a number stays a number.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Json")]
pub(crate) struct JsonTemplate(Part);

#[derive(Debug)]
enum Part {
    Fixed(Json),
    Text(Template),
    List(Vec<Part>),
    Object(Vec<(String, Part)>),
}

impl TryFrom<Json> for JsonTemplate {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        let mut left = VALUES_MAX;
        read(json, DEPTH_MAX, &mut left).map(Self)
    }
}

fn read(json: Json, depth: usize, left: &mut usize) -> Result<Part, String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("more than {VALUES_MAX} values"))?;
    let depth = depth.checked_sub(1).ok_or_else(|| format!("nested deeper than {DEPTH_MAX}"))?;
    Ok(match json {
        Json::String(source) => {
            Part::Text(Template::parse(&source).map_err(|error| format!("bad template: {error}"))?)
        }
        Json::Array(items) => {
            Part::List(items.into_iter().map(|item| read(item, depth, left)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => Part::Object(
            fields
                .into_iter()
                .map(|(name, item)| Ok((name, read(item, depth, left)?)))
                .collect::<Result<_, String>>()?,
        ),
        fixed => Part::Fixed(fixed),
    })
}

impl JsonTemplate {
    /// The document with its places filled.
    pub(crate) fn fill(&self, turn: &mut Turn<'_>) -> Result<Json, Failure> {
        fill(&self.0, turn)
    }

    /// Adds the names of the variables it reads.
    pub(crate) fn variables<'n>(&'n self, names: &mut Vec<&'n str>) {
        let mut open = vec![&self.0];
        while let Some(part) = open.pop() {
            match part {
                Part::Fixed(_) => {}
                Part::Text(template) => template.variables(names),
                Part::List(items) => open.extend(items),
                Part::Object(fields) => open.extend(fields.iter().map(|(_, item)| item)),
            }
        }
    }
}

fn fill(part: &Part, turn: &mut Turn<'_>) -> Result<Json, Failure> {
    Ok(match part {
        Part::Fixed(json) => json.clone(),
        Part::Text(template) => turn.value(template)?.to_json(),
        Part::List(items) => {
            Json::Array(items.iter().map(|item| fill(item, turn)).collect::<Result<_, _>>()?)
        }
        Part::Object(fields) => {
            let mut filled = Map::new();
            for (name, item) in fields {
                filled.insert(name.clone(), fill(item, turn)?);
            }
            Json::Object(filled)
        }
    })
}
