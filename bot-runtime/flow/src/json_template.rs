//! JSON whose texts are templates: bodies of requests, data of events.

use serde::{Deserialize, Deserializer};
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
#[derive(Debug)]
pub(crate) struct JsonTemplate<T = Template>(Part<T>);

#[derive(Debug)]
pub(crate) enum Part<T> {
    Fixed(Json),
    Text(T),
    List(Vec<Part<T>>),
    Object(Vec<(String, Part<T>)>),
}

impl TryFrom<Json> for JsonTemplate {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        let parse = |source: &str| Template::parse(source).map_err(|error| format!("bad template: {error}"));
        Self::read_with(json, parse)
    }
}

impl<'de> Deserialize<'de> for JsonTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<T> JsonTemplate<T> {
    /// Reads a document, its texts with `parse`.
    pub(crate) fn read_with(json: Json, parse: fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let mut left = VALUES_MAX;
        read(json, DEPTH_MAX, &mut left, parse).map(Self)
    }

    pub(crate) fn root(&self) -> &Part<T> {
        &self.0
    }

    /// Shows each of its texts.
    pub(crate) fn each_text<'n>(&'n self, show: &mut dyn FnMut(&'n T)) {
        let mut open = vec![&self.0];
        while let Some(part) = open.pop() {
            match part {
                Part::Fixed(_) => {}
                Part::Text(text) => show(text),
                Part::List(items) => open.extend(items),
                Part::Object(fields) => open.extend(fields.iter().map(|(_, item)| item)),
            }
        }
    }
}

fn read<T>(
    json: Json,
    depth: usize,
    left: &mut usize,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Part<T>, String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("more than {VALUES_MAX} values"))?;
    let depth = depth.checked_sub(1).ok_or_else(|| format!("nested deeper than {DEPTH_MAX}"))?;
    Ok(match json {
        Json::String(source) => Part::Text(parse(&source)?),
        Json::Array(items) => Part::List(
            items.into_iter().map(|item| read(item, depth, left, parse)).collect::<Result<_, _>>()?,
        ),
        Json::Object(fields) => Part::Object(
            fields
                .into_iter()
                .map(|(name, item)| Ok((name, read(item, depth, left, parse)?)))
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
        self.each_text(&mut |template| template.variables(names));
    }
}

fn fill(part: &Part<Template>, turn: &mut Turn<'_>) -> Result<Json, Failure> {
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
