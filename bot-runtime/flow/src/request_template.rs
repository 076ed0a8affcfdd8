//! Parts of requests to services: templates in which secrets may be named, `Bearer {{ secret.shop_key }}`.
//!
//! The engine never knows what a secret holds. Where one is named it leaves a gap, and notes where: what a person wrote
//! cannot make one. Whoever sends the request fills the gaps.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    json_template::{JsonTemplate, Part},
    nodes::{About, Reference},
    question::Gap,
    template::Template,
    turn::{Failure, Turn},
};

/// Most secrets of one text.
const SECRETS_MAX: usize = 8;

/// A template in which secrets may be named, each alone in its tag.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RequestTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Template(Template),
    Secret(Box<str>),
}

/// A text with gaps.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    pub(crate) text: String,
    pub(crate) gaps: Vec<Gap>,
}

impl TryFrom<String> for RequestTemplate {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        Self::parse(&source)
    }
}

impl RequestTemplate {
    /// Parses a source.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let template = |source: &str| {
            Template::parse(source).map(Piece::Template).map_err(|error| format!("bad template: {error}"))
        };
        let mut pieces = Vec::new();
        let mut begun = 0;
        for (open, _) in source.match_indices("{{") {
            let Some((name, end)) = secret(source, open + 2).filter(|_| open >= begun) else { continue };
            if open > begun {
                pieces.push(template(&source[begun..open])?);
            }
            pieces.push(Piece::Secret(name.into()));
            begun = end;
        }
        if begun < source.len() || pieces.is_empty() {
            pieces.push(template(&source[begun..])?);
        }
        if pieces.iter().filter(|piece| matches!(piece, Piece::Secret(_))).count() > SECRETS_MAX {
            return Err(format!("more than {SECRETS_MAX} secrets"));
        }
        Ok(Self { pieces })
    }

    /// Adds the variables that it reads and the secrets that it names.
    pub(crate) fn describe<'n>(&'n self, about: &mut About<'n>) {
        for piece in &self.pieces {
            match piece {
                Piece::Template(template) => template.variables(&mut about.reads),
                Piece::Secret(name) => about.uses.push(Reference::Secret(name)),
            }
        }
    }

    /// The template, where no secret is named.
    fn plain(&self) -> Option<&Template> {
        match self.pieces.as_slice() {
            [Piece::Template(template)] => Some(template),
            _ => None,
        }
    }

    /// Adds the text with its places filled, and the gaps.
    pub(crate) fn fill(&self, turn: &mut Turn<'_>, filled: &mut Filled) -> Result<(), Failure> {
        self.write(turn, filled, false)
    }

    fn write(&self, turn: &mut Turn<'_>, filled: &mut Filled, is_json: bool) -> Result<(), Failure> {
        for piece in &self.pieces {
            match piece {
                Piece::Template(template) => {
                    let text = turn.render(template)?;
                    filled.text.push_str(&if is_json { escaped(&text) } else { text });
                }
                Piece::Secret(name) => {
                    filled.gaps.push(Gap {
                        header: None,
                        at: filled.text.len(),
                        name: name.to_string(),
                        is_json,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The name of the secret of a tag that begins before `from`, and where the text behind the tag begins.
fn secret(source: &str, from: usize) -> Option<(&str, usize)> {
    let (tag, _) = source[from..].split_once("}}")?;
    let name = tag.trim().strip_prefix("secret.")?;
    is_secret_name(name).then_some((name, from + tag.len() + 2))
}

/// Whether a secret may have that name.
pub(crate) fn is_secret_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A text as it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON in whose texts secrets may be named.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Json")]
pub(crate) struct RequestJson(JsonTemplate<RequestTemplate>);

impl TryFrom<Json> for RequestJson {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        JsonTemplate::read_with(json, RequestTemplate::parse).map(Self)
    }
}

impl RequestJson {
    /// Adds the variables that it reads and the secrets that it names.
    pub(crate) fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.0.each_text(&mut |template| template.describe(about));
    }

    /// The document with its places filled, and the gaps.
    pub(crate) fn fill(&self, turn: &mut Turn<'_>) -> Result<Filled, Failure> {
        let mut filled = Filled::default();
        write(self.0.root(), turn, &mut filled)?;
        Ok(filled)
    }
}

fn write(part: &Part<RequestTemplate>, turn: &mut Turn<'_>, filled: &mut Filled) -> Result<(), Failure> {
    match part {
        Part::Fixed(json) => filled.text.push_str(&json.to_string()),
        Part::Text(template) => {
            if let Some(template) = template.plain() {
                filled.text.push_str(&turn.value(template)?.to_json().to_string());
            } else {
                filled.text.push('"');
                template.write(turn, filled, true)?;
                filled.text.push('"');
            }
        }
        Part::List(items) => {
            filled.text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    filled.text.push(',');
                }
                write(item, turn, filled)?;
            }
            filled.text.push(']');
        }
        Part::Object(fields) => {
            filled.text.push('{');
            for (index, (name, item)) in fields.iter().enumerate() {
                if index > 0 {
                    filled.text.push(',');
                }
                filled.text.push_str(&Json::from(name.as_str()).to_string());
                filled.text.push(':');
                write(item, turn, filled)?;
            }
            filled.text.push('}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(source: &str) -> Result<Vec<String>, String> {
        let pieces = RequestTemplate::parse(source)?.pieces;
        Ok(pieces
            .iter()
            .map(|piece| match piece {
                Piece::Template(template) => template.outline(),
                Piece::Secret(name) => format!("<{name}>"),
            })
            .collect())
    }

    #[test]
    fn a_secret_stands_alone_in_its_tag() {
        assert_eq!(pieces("Bearer {{ secret.shop_key }}").unwrap(), ["Bearer ", "<shop_key>"]);
        assert_eq!(pieces("{{secret.a}}{{ secret.b }}x{{ name }}").unwrap(), ["<a>", "<b>", "x…"]);
        assert_eq!(pieces("").unwrap(), [""]);
        for source in [
            "{{ upper(secret.a) }}",
            "{{ secret.a | upper }}",
            "{{ secret.a ~ name }}",
            "{{ secret }}",
            "{{ secret.A }}",
            "{{ secret.a.b }}",
            "{{ 'x' ~ secret.a }}",
        ] {
            assert!(pieces(source).is_err(), "{source}");
        }
        assert!(Template::parse("{{ secret.a }}").is_err());
    }
}
