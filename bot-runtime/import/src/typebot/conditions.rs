//! Comparisons of variables.

use serde_json::Value as Json;

use super::{source::Source, template::expression};
use crate::{build::quoted, items, report::Notes, text};

/// An expression that holds where the condition does. One without comparisons always holds.
pub(crate) fn condition(source: &Source<'_>, notes: &mut Notes<'_>, condition: &Json) -> String {
    let joined = if text(condition, "logicalOperator") == "OR" { " or " } else { " and " };
    let comparisons: Vec<String> = items(condition, "comparisons")
        .iter()
        .map(|comparison| format!("({})", compared(source, notes, comparison)))
        .collect();
    if comparisons.is_empty() { "true".to_owned() } else { comparisons.join(joined) }
}

fn compared(source: &Source<'_>, notes: &mut Notes<'_>, comparison: &Json) -> String {
    let operator = text(comparison, "comparisonOperator");
    let Some(left) = source.variable(text(comparison, "variableId")) else {
        notes.changed("a comparison names no variable, and never holds");
        return "false".to_owned();
    };
    let right = expression(source, notes, text(comparison, "value"));
    let numbers = |sign: &str| {
        format!(
            "number({left}) != null and number({right}) != null and number({left}) {sign} number({right})"
        )
    };
    let contains = format!(
        "if(kind({left}) == \"list\", contains({left}, {right}), contains(lower(text({left})), lower({right})))"
    );
    match operator {
        "Equal to" | "" => format!("text({left}) == text({right})"),
        "Not equal" => format!("text({left}) != text({right})"),
        "Contains" => contains,
        "Does not contain" => format!("not {contains}"),
        "Greater than" => numbers(">"),
        "Greater or equal to" => numbers(">="),
        "Less than" => numbers("<"),
        "Less or equal to" => numbers("<="),
        "Is set" => format!("not empty({left})"),
        "Is empty" => format!("empty({left})"),
        "Starts with" => format!("starts_with(lower(text({left})), lower({right}))"),
        "Ends with" => format!("ends_with(lower(text({left})), lower({right}))"),
        "Matches regex" | "Does not match regex" => {
            let pattern = quoted(&pattern(text(comparison, "value")));
            let matches = format!("matches(text({left}), {pattern})");
            if botbuilder_flow::expression::Expression::parse(&matches).is_err() {
                notes.not_supported(format!("the pattern {pattern}; the comparison never holds"));
                return "false".to_owned();
            }
            if operator == "Matches regex" { matches } else { format!("not {matches}") }
        }
        other => {
            notes.not_supported(format!("the comparison `{other}`; it never holds"));
            "false".to_owned()
        }
    }
}

/// A pattern as JavaScript writes it: `/…/i`, or the pattern alone.
fn pattern(source: &str) -> String {
    let Some((inner, flags)) = source.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else {
        return source.to_owned();
    };
    let flags: String = flags.chars().filter(|flag| "ims".contains(*flag)).collect();
    if flags.is_empty() { inner.to_owned() } else { format!("(?{flags}){inner}") }
}
