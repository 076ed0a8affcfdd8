//! What differs between two documents: of flows node by node, edge by edge and variable by variable; of anything else
//! key by key.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The lists of a flow whose members are told apart by a name of their own.
const LISTS: [(&str, &str); 3] = [("nodes", "id"), ("edges", "id"), ("variables", "name")];

/// What differs, as `{"nodes": {"added": […], "removed": […], "changed": [{"id", "keys"}]}, …}`. Lists and keys that do
/// not differ are left out, so that equal documents differ by nothing: `{}`.
pub fn difference(old: &Value, new: &Value) -> Value {
    let mut found = Map::new();
    for (list, name) in LISTS {
        let (before, after) = (members(old, list, name), members(new, list, name));
        if before.is_empty() && after.is_empty() {
            continue;
        }
        let added: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key)).collect();
        let removed: Vec<&String> = before.keys().filter(|key| !after.contains_key(*key)).collect();
        let changed: Vec<Value> = before
            .iter()
            .filter_map(|(key, old)| {
                let keys = differing_keys(old, after.get(key)?);
                (!keys.is_empty()).then(|| json!({ name: key, "keys": keys }))
            })
            .collect();
        if !(added.is_empty() && removed.is_empty() && changed.is_empty()) {
            let difference = json!({ "added": added, "removed": removed, "changed": changed });
            found.insert(list.to_owned(), difference);
        }
    }
    let is_listed = |key: &String| LISTS.iter().any(|(list, _)| list == key);
    let keys: Vec<String> = differing_keys(old, new).into_iter().filter(|key| !is_listed(key)).collect();
    if !keys.is_empty() {
        found.insert("keys".to_owned(), json!(keys));
    }
    Value::Object(found)
}

/// The members of a list by their names; one without a name goes by its content.
fn members<'a>(document: &'a Value, list: &str, name: &str) -> BTreeMap<String, &'a Value> {
    let items = document.get(list).and_then(Value::as_array).into_iter().flatten();
    items
        .map(|item| {
            let own = item.get(name).and_then(Value::as_str).map(str::to_owned);
            (own.unwrap_or_else(|| item.to_string()), item)
        })
        .collect()
}

/// The keys of two objects whose values differ, in order.
fn differing_keys(old: &Value, new: &Value) -> Vec<String> {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nodes_edges_and_keys_are_compared() {
        let old = json!({ "schema": 1, "nodes": [{ "id": "a", "type": "start" }, { "id": "b", "data": { "text": "x" } }],
            "edges": [{ "id": "e", "source": "a", "target": "b" }] });
        let new = json!({ "schema": 1, "nodes": [{ "id": "b", "data": { "text": "y" } }, { "id": "c" }],
            "edges": [{ "id": "e", "source": "a", "target": "b" }], "note": "n" });
        let expected = json!({
            "nodes": { "added": ["c"], "removed": ["a"], "changed": [{ "id": "b", "keys": ["data"] }] },
            "keys": ["note"],
        });
        assert_eq!(difference(&old, &new), expected);
    }

    proptest! {
        #[test]
        fn a_document_does_not_differ_from_itself(ids in prop::collection::vec("[a-c]{1,2}", 0..6)) {
            let nodes: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            let document = json!({ "nodes": nodes, "schema": 1 });
            prop_assert_eq!(difference(&document, &document), json!({}));
        }
    }
}
