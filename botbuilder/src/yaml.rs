//! YAML as JSON, bounded: no aliases, so that a small file stays small, and no deep nesting. JSON is YAML, too.

use anyhow::{Context as _, bail};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Nesting at most.
const DEPTH: usize = 40;
/// Values at most.
const VALUES: usize = 500_000;

/// A collection that is still open; a mapping may wait for the value of a key.
enum Open {
    Sequence(Vec<Value>),
    Mapping(Map<String, Value>, Option<String>),
}

/// The first document of a text.
pub fn parse(text: &str) -> anyhow::Result<Value> {
    let mut open: Vec<Open> = Vec::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.context("the file is no YAML")?;
        let line = span.start.line();
        values += 1;
        if values > VALUES {
            bail!("the file has more than {VALUES} values");
        }
        let (done, key) = match event {
            Event::Scalar(text, style, ..) => {
                let key = text.to_string();
                (
                    if style == ScalarStyle::Plain { plain(&text) } else { Value::String(text.into_owned()) },
                    Some(key),
                )
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= DEPTH => {
                bail!("line {line}: more than {DEPTH} levels")
            }
            Event::SequenceStart(..) => {
                open.push(Open::Sequence(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(items)) => (Value::Array(items), None),
                Some(Open::Mapping(fields, _)) => (Value::Object(fields), None),
                None => bail!("line {line}: an end without a beginning"),
            },
            Event::Alias(_) => bail!("line {line}: aliases are not read"),
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(done),
            Some(Open::Sequence(items)) => items.push(done),
            Some(Open::Mapping(fields, waiting)) => match (waiting.take(), key) {
                (Some(name), _) => {
                    if fields.insert(name.clone(), done).is_some() {
                        bail!("line {line}: the key `{name}` is there twice");
                    }
                }
                (None, Some(key)) => *waiting = Some(key),
                (None, None) => bail!("line {line}: a key must be a text"),
            },
        }
    }
    bail!("the file is empty")
}

/// What a scalar without quotes is: nothing, a truth value, a number, or a text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // As in JSON: `007` and `1_000` are texts.
        number => match serde_json::from_str(number) {
            Ok(value @ Value::Number(_)) => value,
            _ => Value::String(number.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_have_their_kinds_and_quotes_make_texts() {
        let tree =
            parse("a: [1, 1.5, \"1\", yes, true, ~, 007]\nb: |\n  - x\nc: {d: 2026-03-04T09:00:00Z}\n")
                .unwrap();
        let expected = json!({
            "a": [1, 1.5, "1", "yes", true, null, "007"], "b": "- x\n", "c": { "d": "2026-03-04T09:00:00Z" },
        });
        assert_eq!(tree, expected);
        let json = json!({ "a": [1, { "b": "c\n" }], "d": null });
        assert_eq!(parse(&json.to_string()).unwrap(), json);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["a: &x [1]\nb: *x", "a: 1\na: 2", "", "? [a]\n: b"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(5_000)).is_err());
    }
}
