//! Rasa's annotations inside a sentence: `from [Berlin](city)`, `[NYC](city:New York)`,
//! `[NYC]{"entity": "city", "role": "from"}`.

use serde_json::{Map, Value};

use super::spans::apart;
use crate::corpus::{Annotation, Example};

/// A sentence with its annotations. What only looks like one stays text.
pub(super) fn read(line: &str) -> Example {
    let mut text = String::with_capacity(line.len());
    let mut entities = Vec::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        text.push_str(&rest[..open]);
        let after = &rest[open..];
        if let Some((words, mut annotation, length)) = one(after) {
            annotation.start = text.len();
            text.push_str(words);
            annotation.end = text.len();
            entities.push(annotation);
            rest = &after[length..];
        } else {
            text.push('[');
            rest = &after[1..];
        }
    }
    text.push_str(rest);
    Example { text, language: None, entities }
}

/// The annotation a text begins with: its words, what it says, its length.
fn one(text: &str) -> Option<(&str, Annotation, usize)> {
    let close = text.find(']')?;
    let words = text.get(1..close).filter(|words| !words.is_empty() && !words.contains('['))?;
    let rest = &text[close + 1..];
    let (inside, length) = if rest.starts_with('(') {
        let end = rest.find(')')?;
        (named(&rest[1..end])?, end + 1)
    } else if rest.starts_with('{') {
        let end = rest.find('}')?;
        (described(&rest[..=end])?, end + 1)
    } else {
        return None;
    };
    Some((words, inside, close + 1 + length))
}

fn named(inside: &str) -> Option<Annotation> {
    let (entity, value) =
        inside.split_once(':').map_or((inside, None), |(entity, value)| (entity, Some(value)));
    let entity = entity.trim();
    let value = value.map(|value| value.trim().to_owned());
    (!entity.is_empty()).then(|| Annotation { entity: entity.to_owned(), value, ..Annotation::default() })
}

fn described(inside: &str) -> Option<Annotation> {
    let map: Map<String, Value> = serde_json::from_str(inside).ok()?;
    let part = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
    let entity = part("entity").filter(|entity| !entity.is_empty())?;
    Some(Annotation { entity, value: part("value"), role: part("role"), ..Annotation::default() })
}

/// A sentence as Rasa writes it.
pub(super) fn write(example: &Example) -> String {
    let mut out = String::with_capacity(example.text.len() + 16);
    let mut kept = 0;
    for annotation in apart(&example.text, &example.entities) {
        out.push_str(&example.text[kept..annotation.start]);
        out.push('[');
        out.push_str(&example.text[annotation.start..annotation.end]);
        out.push(']');
        if annotation.value.is_none() && annotation.role.is_none() {
            out.push('(');
            out.push_str(&annotation.entity);
            out.push(')');
        } else {
            let mut map = Map::new();
            map.insert("entity".to_owned(), Value::from(annotation.entity.as_str()));
            if let Some(role) = &annotation.role {
                map.insert("role".to_owned(), Value::from(role.as_str()));
            }
            if let Some(value) = &annotation.value {
                map.insert("value".to_owned(), Value::from(value.as_str()));
            }
            out.push_str(&Value::Object(map).to_string());
        }
        kept = annotation.end;
    }
    out.push_str(&example.text[kept..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read_and_written() {
        for line in [
            "fly from [Berlin](city) to [NYC]{\"entity\":\"city\",\"role\":\"to\",\"value\":\"New York\"}",
            "plain",
            "[x](y)",
        ] {
            assert_eq!(write(&read(line)), line);
        }
        let short = read("to [NYC](city:New York)");
        assert_eq!(short.text, "to NYC");
        assert_eq!(short.entities[0].value.as_deref(), Some("New York"));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for line in ["[a] (b)", "a[1]", "[](b)", "[a](", "[[a](b)", "[a]{b}", "]["] {
            let read = read(line);
            if read.entities.is_empty() {
                assert_eq!(read.text, line);
            }
        }
        assert_eq!(read("[[a](b)").text, "[a");
    }
}
