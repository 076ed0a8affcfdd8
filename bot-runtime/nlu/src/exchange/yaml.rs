//! YAML as a tree, bounded: no aliases, so that a small file stays small, and no deep nesting.

use saphyr_parser::{Event, Parser};

/// Nesting at most.
const DEPTH: usize = 20;
/// Nodes at most.
const NODES: usize = 500_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Mapping(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Scalar(text) = self { Some(text) } else { None }
    }

    /// The nodes of a sequence, none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::Sequence(items) = self { items } else { &[] }
    }
}

/// A collection that is still open; a mapping may wait for the value of a key.
enum Open {
    Sequence(Vec<Node>),
    Mapping(Vec<(String, Node)>, Option<String>),
}

/// The first document of a text; nothing if it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Node>, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = span.start.line();
        nodes += 1;
        if nodes > NODES {
            return Err(format!("more than {NODES} values"));
        }
        let mut done = match event {
            Event::Scalar(text, ..) => Node::Scalar(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push(Open::Sequence(Vec::new()));
                if open.len() > DEPTH {
                    return Err(format!("line {line}: more than {DEPTH} levels"));
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(Vec::new(), None));
                if open.len() > DEPTH {
                    return Err(format!("line {line}: more than {DEPTH} levels"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Sequence(items)) => Node::Sequence(items),
                Some(Open::Mapping(pairs, _)) => Node::Mapping(pairs),
                None => return Err(format!("line {line}: an end without a beginning")),
            },
            Event::Alias(_) => return Err(format!("line {line}: aliases are not read")),
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(Some(done)),
            Some(Open::Sequence(items)) => items.push(done),
            Some(Open::Mapping(pairs, key)) => {
                if let Some(key) = key.take() {
                    pairs.push((key, done));
                    continue;
                }
                let Node::Scalar(text) = &mut done else {
                    return Err(format!("line {line}: a key must be a text"));
                };
                *key = Some(std::mem::take(text));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees() -> Result<(), String> {
        let tree = parse("a: [1, two]\nb: |\n  - x\n  - y\n")?;
        let tree = tree.ok_or("empty")?;
        assert_eq!(tree.get("a").map(Node::items).map(<[Node]>::len), Some(2));
        assert_eq!(tree.get("b").and_then(Node::text), Some("- x\n- y\n"));
        assert_eq!(parse("")?, None);
        Ok(())
    }

    #[test]
    fn bombs_are_refused() {
        assert!(parse("a: &x [1]\nb: *x").is_err());
        assert!(parse(&"[".repeat(5_000)).is_err());
    }
}
