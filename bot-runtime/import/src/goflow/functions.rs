//! Ours for the functions of their expressions.

use super::{context::Scope, excellent::Expr};
use crate::build::quoted;

/// A call as an expression of ours, or what of it we do not have.
pub(crate) fn translate(scope: &mut Scope<'_>, name: &str, arguments: &[Expr]) -> Result<String, String> {
    // Which things a foreach makes is written in a function of the author's.
    let texts = arguments.iter().map(|argument| scope.translate(argument)).collect::<Result<Vec<_>, _>>()?;
    let [first, second, third] = [0, 1, 2].map(|index| texts.get(index).map_or("\"\"", String::as_str));
    let given = texts.len();
    let literal = |index: usize| match arguments.get(index) {
        Some(Expr::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    // The same under another name, or the same name.
    let same = match name {
        "upper" | "lower" | "title" | "trim" | "abs" | "max" | "min" | "json" | "parse_json" | "reverse"
        | "sort" | "sum" | "unique" | "keys" | "words" | "word_count" | "url_encode" | "if" | "default"
        | "number" | "text" | "boolean" | "object" | "replace" | "join" => Some(name),
        "text_length" | "count" | "length" | "len" => Some("len"),
        "proper" => Some("title"),
        "mean" | "average" => Some("average"),
        "round_up" => Some("ceil"),
        "round_down" | "int" => Some("floor"),
        "trim_left" | "trim_right" | "clean" => Some("trim"),
        "concatenate" => Some("concat"),
        "extract" => Some("get"),
        "legacy_add" => return Ok(format!("({first} + {second})")),
        _ => None,
    };
    if let Some(same) = same {
        return Ok(match (same, given) {
            ("ceil" | "floor" | "abs" | "trim" | "text" | "number", 2..) => {
                return Err(format!("`{name}` with {given} arguments"));
            }
            // What divides the words is left to the language.
            ("word_count" | "words", _) => format!("{same}({first})"),
            ("replace", 4..) => format!("replace({first}, {second}, {third})"),
            ("default", _) => format!("default({first}, {second})"),
            _ => format!("{same}({})", texts.join(", ")),
        });
    }
    Ok(match (name, given) {
        ("round", 1) => format!("round({first})"),
        ("round", 2) => format!("round({first}, {second})"),
        ("mod", 2) => format!("({first} % {second})"),
        ("and" | "or", 1..) => format!("({})", texts.join(&format!(" {name} "))),
        ("not", 1) => format!("(not {first})"),
        ("array", _) => format!("[{}]", texts.join(", ")),
        ("split", 1) => format!("split({first})"),
        ("split", 2) => format!("split({first}, {second})"),
        ("first_word", 1) => format!("first(words({first}))"),
        ("remove_first_word", 1) => format!("join(slice(words({first}), 1), \" \")"),
        ("word", 2 | 3) => format!("get(words({first}), {second})"),
        ("word_slice", 2) => format!("join(slice(words({first}), {second}), \" \")"),
        ("word_slice", 3) => format!("join(slice(words({first}), {second}, {third} - {second}), \" \")"),
        ("field", 3) => format!("trim(get(split({first}, {third}), {second}))"),
        ("text_slice", 2) => format!("substring({first}, {second})"),
        ("text_slice", 3) => format!("substring({first}, {second}, {third} - {second})"),
        ("left", 2) => format!("substring({first}, 0, {second})"),
        ("percent", 1) => format!("format_percent({first})"),
        ("is_error", 1) => format!("({first} == null)"),
        ("regex_match", 2) => format!("extract({first}, \"(?mi)(\" ~ {second} ~ \")\")"),
        ("regex_match", 3) => format!("extract({first}, \"(?mi)\" ~ {second})"),
        ("contains", 2) => format!("contains({first}, {second})"),
        ("slice", 2) => format!("slice({first}, {second})"),
        ("slice", 3) => format!("slice({first}, {second}, {third} - {second})"),
        ("now" | "datetime", 0) => "now()".to_owned(),
        ("today", 0) => "date()".to_owned(),
        ("date" | "parse_date", 1) | ("parse_date", 2) => {
            format!("default(parse_date({first}), date({first}))")
        }
        ("datetime" | "parse_datetime", 1..=3) | ("format_input", 1) => first.to_owned(),
        ("time" | "parse_time", 1 | 2) | ("format_time", 1) => format!("time({first})"),
        ("weekday", 1) => format!("(weekday({first}) % 7)"),
        ("day" | "month" | "year", 1) => format!("{name}({first})"),
        ("datetime_add" | "date_add", 3) => added(first, second, literal(2))?,
        ("datetime_diff", 3) => difference(first, second, literal(2))?,
        ("format_date", 1) => format!("format_date({first}, \"yyyy-MM-dd\")"),
        ("format_datetime", 1) => format!("format_date({first}, \"yyyy-MM-dd HH:mm\")"),
        ("format_date" | "format_datetime" | "format_time", 2 | 3) => {
            let pattern = literal(1).ok_or("a date's pattern that is not written out")?;
            format!("format_date({first}, {})", quoted(&date_pattern(pattern)))
        }
        ("format_number" | "fixed", 1) => format!("format_number({first}, 2)"),
        ("format_number" | "fixed", 2 | 3) => format!("format_number({first}, {second})"),
        ("format_urn", 1) => format_urn(first),
        ("urn_parts", 1) => {
            format!(
                "object(\"scheme\", extract({first}, \"^([^:]+):\"), \"path\", extract({first}, \"^[^:]+:(.*)$\"))"
            )
        }
        ("format_location", 1) => format!("trim(last(split({first}, \">\")))"),
        ("attachment_parts", 1) => {
            format!(
                "object(\"content_type\", extract({first}, \"^([^:]+):\"), \"url\", extract({first}, \"^[^:]+:(.*)$\"))"
            )
        }
        _ => return Err(format!("the function `{name}` with {given} arguments")),
    })
}

/// The address in a contact's URN, a number of North America as it is written there.
fn format_urn(urn: &str) -> String {
    let number = format!("extract({urn}, \"^tel:[+]1([0-9]{{10}})$\")");
    let local = format!(
        "\"(\" ~ substring({number}, 0, 3) ~ \") \" ~ substring({number}, 3, 3) ~ \"-\" ~ substring({number}, 6)"
    );
    format!("if({number} == null, extract({urn}, \"^[^:]+:(.*)$\"), {local})")
}

fn added(instant: &str, number: &str, unit: Option<&str>) -> Result<String, String> {
    Ok(match unit {
        Some("D") => format!("add_days({instant}, {number})"),
        Some("W") => format!("add_days({instant}, {number} * 7)"),
        Some("M") => format!("add_months({instant}, {number})"),
        Some("Y") => format!("add_months({instant}, {number} * 12)"),
        Some("m") => format!("add_minutes({instant}, {number})"),
        Some("h") => format!("add_minutes({instant}, {number} * 60)"),
        _ => return Err("this unit of time".to_owned()),
    })
}

fn difference(from: &str, to: &str, unit: Option<&str>) -> Result<String, String> {
    Ok(match unit {
        Some("D") => format!("days_between({from}, {to})"),
        Some("W") => format!("floor(days_between({from}, {to}) / 7)"),
        Some("m") => format!("minutes_between({from}, {to})"),
        Some("h") => format!("floor(minutes_between({from}, {to}) / 60)"),
        Some("Y") => format!("(year({to}) - year({from}))"),
        Some("M") => format!("((year({to}) - year({from})) * 12 + month({to}) - month({from}))"),
        _ => return Err("this unit of time".to_owned()),
    })
}

/// A date's pattern in our letters: days and years are small, hours of the day are `H`.
fn date_pattern(pattern: &str) -> String {
    let names = [
        ("YYYY", "yyyy"),
        ("YY", "yy"),
        ("MMMM", "MMMM"),
        ("MM", "MM"),
        ("M", "M"),
        ("DD", "dd"),
        ("D", "d"),
        ("EEEE", "EEEE"),
        ("tt", "HH"),
        ("t", "H"),
        ("hh", "hh"),
        ("h", "h"),
        ("mm", "mm"),
        ("ss", "ss"),
        ("aa", "a"),
        ("AA", "a"),
    ];
    let mut ours = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if let Some((theirs, name)) = names.iter().find(|(theirs, _)| rest.starts_with(theirs)) {
            ours.push_str(name);
            rest = &rest[theirs.len()..];
        } else {
            ours.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    ours
}
