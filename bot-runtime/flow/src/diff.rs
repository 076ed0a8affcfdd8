//! What differs between two definitions: nodes, where their ports lead, variables, settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

/// What differs between two definitions. Ids and names are in the order of the alphabet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Nodes.
    pub nodes: Changes,
    /// Edges, by `node.port`: an edge that has another id and leads to the same place has not changed.
    pub edges: Changes,
    /// Variables.
    pub variables: Changes,
    /// Settings of the flow.
    pub settings: Changes,
    /// Nodes that only lie elsewhere on the canvas.
    pub moved: Vec<String>,
}

/// What was added, removed and changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// What only the new definition has.
    pub added: Vec<String>,
    /// What only the old definition has.
    pub removed: Vec<String>,
    /// What both have, and differently: the paths of what differs.
    pub changed: BTreeMap<String, Vec<String>>,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Diff {
    /// Whether a conversation would not notice.
    pub fn is_empty(&self) -> bool {
        [&self.nodes, &self.edges, &self.variables, &self.settings].iter().all(|changes| changes.is_empty())
    }
}

/// Compares two definitions. Elements that have no id, or a second of the same id, are left out: such a definition is
/// refused anyhow.
pub fn diff(old: &Json, new: &Json) -> Diff {
    let (old_nodes, new_nodes) = (by_name(old, "nodes", "id"), by_name(new, "nodes", "id"));
    let mut nodes = compare(&old_nodes, &new_nodes);
    let mut moved = Vec::new();
    nodes.changed.retain(|id, paths| {
        let lies_elsewhere = paths.iter().any(|path| path.split('.').next() == Some("position"));
        paths.retain(|path| path.split('.').next() != Some("position"));
        if lies_elsewhere {
            moved.push(id.clone());
        }
        !paths.is_empty()
    });
    let none = Map::new();
    let settings = |definition: &Json| {
        let fields = definition.get("settings").and_then(Json::as_object).unwrap_or(&none);
        fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    Diff {
        nodes,
        edges: compare(&edges(old), &edges(new)),
        variables: compare(&by_name(old, "variables", "name"), &by_name(new, "variables", "name")),
        settings: compare(&settings(old), &settings(new)),
        moved,
    }
}

type Elements = BTreeMap<String, Json>;

fn list<'j>(definition: &'j Json, name: &str) -> &'j [Json] {
    definition.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn by_name(definition: &Json, name: &str, key: &str) -> Elements {
    let mut elements = Elements::new();
    for element in list(definition, name) {
        if let Some(id) = element.get(key).and_then(Json::as_str) {
            elements.entry(id.to_owned()).or_insert_with(|| element.clone());
        }
    }
    elements
}

fn edges(definition: &Json) -> Elements {
    let mut elements = Elements::new();
    for edge in list(definition, "edges") {
        let text = |name: &str| edge.get(name).and_then(Json::as_str).unwrap_or_default();
        let port = Some(text("port")).filter(|port| !port.is_empty()).unwrap_or("next");
        let leads = serde_json::json!({ "target": text("target") });
        elements.entry(format!("{}.{port}", text("source"))).or_insert(leads);
    }
    elements
}

fn compare(old: &Elements, new: &Elements) -> Changes {
    let mut changes = Changes {
        added: new.keys().filter(|name| !old.contains_key(*name)).cloned().collect(),
        removed: old.keys().filter(|name| !new.contains_key(*name)).cloned().collect(),
        changed: BTreeMap::new(),
    };
    for (name, before) in old {
        let Some(after) = new.get(name) else { continue };
        let mut paths = Vec::new();
        differences(before, after, String::new(), &mut paths);
        if !paths.is_empty() {
            changes.changed.insert(name.clone(), paths);
        }
    }
    changes
}

/// Adds the paths at which two documents differ. The depth is that of the documents, which their reader bounds.
fn differences(before: &Json, after: &Json, path: String, paths: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Json::Object(before), Json::Object(after)) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let (before, after) = (before.get(name), after.get(name));
                let (before, after) = (before.unwrap_or(&Json::Null), after.unwrap_or(&Json::Null));
                differences(before, after, below(name), paths);
            }
        }
        (Json::Array(before), Json::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                differences(before, after, below(&index.to_string()), paths);
            }
        }
        _ if before == after => {}
        _ => paths.push(path),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named() {
        let old = json!({
            "nodes": [
                { "id": "a", "type": "message", "position": { "x": 1 }, "data": { "text": "Hi" } },
                { "id": "b", "type": "end" },
                { "id": "c", "type": "menu", "position": { "x": 1 }, "data": { "options": [{ "id": "x", "title": "X" }] } },
            ],
            "edges": [{ "id": "1", "source": "a", "target": "b" }, { "id": "2", "source": "c", "port": "x", "target": "a" }],
            "variables": [{ "name": "n", "type": "number" }],
        });
        let new = json!({
            "nodes": [
                { "id": "a", "type": "message", "position": { "x": 2 }, "data": { "text": "Hello" } },
                { "id": "c", "type": "menu", "position": { "x": 5 }, "data": { "options": [{ "id": "x", "title": "X" }] } },
                { "id": "d", "type": "end" },
            ],
            "edges": [{ "id": "9", "source": "a", "port": "next", "target": "d" }, { "id": "2", "source": "c", "port": "x", "target": "a" }],
            "variables": [{ "name": "n", "type": "string" }],
            "settings": { "expire_seconds": 60 },
        });
        let found = diff(&old, &new);
        assert_eq!(
            serde_json::to_value(&found).unwrap(),
            json!({
                "nodes": { "added": ["d"], "removed": ["b"], "changed": { "a": ["data.text"] } },
                "edges": { "added": [], "removed": [], "changed": { "a.next": ["target"] } },
                "variables": { "added": [], "removed": [], "changed": { "n": ["type"] } },
                "settings": { "added": ["expire_seconds"], "removed": [], "changed": {} },
                "moved": ["a", "c"],
            })
        );
        assert!(diff(&old, &old).is_empty() && diff(&old, &old).moved.is_empty() && !found.is_empty());
        assert!(diff(&json!(1), &json!(null)).is_empty());
    }
}
