//! Their texts: `{{Name}}` for a variable, `{{=expression=}}` for code.

use super::{script, source::Source};
use crate::{
    build::{literal, quoted},
    report::Notes,
};

/// A part of a text.
enum Part<'s> {
    Text(&'s str),
    Tag(&'s str),
}

fn parts(source: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((tag, after)) = behind.split_once("}}") else { break };
        parts.push(Part::Text(before));
        parts.push(Part::Tag(tag.trim()));
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| !matches!(part, Part::Text("")));
    parts
}

/// A template of ours. What cannot be said here is empty, and noted.
pub(crate) fn template(source: &Source<'_>, notes: &mut Notes<'_>, text: &str) -> String {
    parts(text)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => literal(text),
            Part::Tag(tag) => {
                tag_of(source, notes, tag).map_or_else(String::new, |tag| format!("{{{{ {tag} }}}}"))
            }
        })
        .collect()
}

/// The same as an expression.
pub(crate) fn expression(source: &Source<'_>, notes: &mut Notes<'_>, text: &str) -> String {
    let mut pieces: Vec<String> = parts(text)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => quoted(text),
            Part::Tag(tag) => tag_of(source, notes, tag).unwrap_or_else(|| "\"\"".to_owned()),
        })
        .collect();
    match pieces.len() {
        0 => "\"\"".to_owned(),
        1 => pieces.remove(0),
        _ => format!("({})", pieces.join(" ~ ")),
    }
}

/// Whether a text holds a variable or code.
pub(crate) fn is_dynamic(text: &str) -> bool {
    parts(text).iter().any(|part| matches!(part, Part::Tag(_)))
}

fn tag_of(source: &Source<'_>, notes: &mut Notes<'_>, tag: &str) -> Option<String> {
    if let Some(code) = tag.strip_prefix('=').and_then(|tag| tag.strip_suffix('=')) {
        return match script::translate(source, code) {
            Ok(expression) => Some(expression),
            Err(reason) => {
                notes.not_supported(format!("`{{{{={code}=}}}}` is left empty: {reason}"));
                None
            }
        };
    }
    let found = source.named(tag);
    if found.is_none() {
        notes.changed(format!("`{{{{{tag}}}}}` is left empty: there is no such variable"));
    }
    found.map(str::to_owned)
}
