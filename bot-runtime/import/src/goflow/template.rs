//! Ours for their templates.

use super::{
    context::Scope,
    excellent::{Part, parse, parts},
};
use crate::{
    build::{literal, value_tag},
    report::Notes,
};

/// A template of ours. What cannot be said here is empty, and noted.
pub(crate) fn template(scope: &mut Scope<'_>, notes: &mut Notes<'_>, source: &str) -> String {
    let mut ours = String::new();
    for part in parts(source) {
        match part {
            Part::Text(text) => ours.push_str(&literal(&text)),
            Part::Expression(source) => {
                if let Some(expression) = read(scope, notes, source) {
                    ours = format!("{ours}{{{{ {expression} }}}}");
                }
            }
        }
    }
    ours
}

/// A template for a value: one that is an expression alone keeps the kind of its value, and is an empty text where it
/// has none.
pub(crate) fn value(scope: &mut Scope<'_>, notes: &mut Notes<'_>, source: &str) -> String {
    match parts(source.trim()).as_slice() {
        [Part::Expression(source)] => {
            read(scope, notes, source).map_or_else(String::new, |expression| value_tag(&expression))
        }
        _ => template(scope, notes, source),
    }
}

/// An expression for a template that is an expression or a text.
pub(crate) fn expression(scope: &mut Scope<'_>, notes: &mut Notes<'_>, source: &str) -> String {
    let mut pieces = Vec::new();
    for part in parts(source.trim()) {
        match part {
            Part::Text(text) => pieces.push(crate::build::quoted(&text)),
            Part::Expression(source) => {
                pieces.push(read(scope, notes, source).unwrap_or_else(|| "null".to_owned()));
            }
        }
    }
    match pieces.len() {
        0 => "\"\"".to_owned(),
        1 => pieces.remove(0),
        _ => format!("({})", pieces.join(" ~ ")),
    }
}

/// Whether a template holds an expression.
pub(crate) fn is_dynamic(source: &str) -> bool {
    parts(source).iter().any(|part| matches!(part, Part::Expression(_)))
}

fn read(scope: &mut Scope<'_>, notes: &mut Notes<'_>, source: &str) -> Option<String> {
    let read = parse(source).and_then(|expression| scope.translate(&expression));
    // Ours has bounds of its own.
    let checked = read.and_then(|ours| {
        botbuilder_flow::expression::Expression::parse(&ours).map(|_| ours).map_err(|error| error.message)
    });
    match checked {
        Ok(ours) => Some(ours),
        Err(reason) => {
            notes.not_supported(format!("`@{}` is left empty: {reason}", shortened(source)));
            None
        }
    }
}

fn shortened(source: &str) -> String {
    let mut short: String = source.chars().take(80).collect();
    if short.len() < source.len() {
        short.push('…');
    }
    short
}
