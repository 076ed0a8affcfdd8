//! Joins two lines of work over one definition: what either side changed since their common ancestor.
//!
//! Nodes are told apart by their ids, variables by their names, edges by the port they leave (an edge has no meaning but
//! where its port leads); objects are joined field by field, everything else is one value. Where both sides changed the
//! same thing differently there is a conflict, which is named and never guessed. A side that removed a node to which the
//! other drew an edge is one, too. Where nodes lie on the canvas, and the ids of edges, are no matter for a conflict: ours
//! stay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Which side of a conflict is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The line that is merged into.
    Ours,
    /// The line that is merged.
    Theirs,
}

/// Sides that were chosen, by the path of the conflict.
pub type Choices = BTreeMap<String, Side>;

/// Something that both sides changed, differently. A side that removed it has nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Where: `nodes.hello.data.text`, `edges.menu.yes.target`, `settings.time_zone`.
    pub path: String,
    /// What the common ancestor has there.
    pub base: Option<Json>,
    /// What our side has there.
    pub ours: Option<Json>,
    /// What their side has there.
    pub theirs: Option<Json>,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The joined definition. In a conflict that no choice decides it has our side.
    pub definition: Json,
    /// What both sides changed differently and no choice decides.
    pub conflicts: Vec<Conflict>,
}

/// A list of a flow whose elements are told apart by something of their own.
struct List {
    name: &'static str,
    /// Fields that no conversation notices.
    cosmetic: &'static [&'static str],
}

const NODES: List = List { name: "nodes", cosmetic: &["position"] };
const EDGES: List = List { name: "edges", cosmetic: &["id", "port"] };
const VARIABLES: List = List { name: "variables", cosmetic: &[] };

impl List {
    /// What tells an element apart; its text where it has nothing of that kind.
    fn key(&self, element: &Json) -> String {
        let text = |name: &str| element.get(name).and_then(Json::as_str);
        let key = match self.name {
            "edges" => text("source").map(|source| format!("{source}.{}", port(element))),
            "variables" => text("name").map(str::to_owned),
            _ => text("id").map(str::to_owned),
        };
        key.unwrap_or_else(|| element.to_string())
    }

    /// The elements of a definition, in order, each key once.
    fn of<'j>(&self, definition: &'j Json) -> Elements<'j> {
        let mut elements = Elements::default();
        for element in definition.get(self.name).and_then(Json::as_array).into_iter().flatten() {
            let key = self.key(element);
            if elements.by_key.insert(key.clone(), element).is_none() {
                elements.order.push(key);
            }
        }
        elements
    }

    /// Whether two elements are the same to a conversation.
    fn same(&self, one: &Json, other: &Json) -> bool {
        let bare = |element: &Json| {
            let mut element = element.clone();
            if let Json::Object(fields) = &mut element {
                fields.retain(|name, _| !self.cosmetic.contains(&name.as_str()));
            }
            element
        };
        bare(one) == bare(other)
    }
}

fn port(edge: &Json) -> &str {
    edge.get("port").and_then(Json::as_str).filter(|port| !port.is_empty()).unwrap_or("next")
}

#[derive(Default)]
struct Elements<'j> {
    order: Vec<String>,
    by_key: BTreeMap<String, &'j Json>,
}

impl<'j> Elements<'j> {
    fn get(&self, key: &str) -> Option<&'j Json> {
        self.by_key.get(key).copied()
    }
}

/// The elements of one list on all sides.
struct Sides<'j> {
    base: Elements<'j>,
    ours: Elements<'j>,
    theirs: Elements<'j>,
}

impl<'j> Sides<'j> {
    fn of(list: &List, base: &'j Json, ours: &'j Json, theirs: &'j Json) -> Self {
        Self { base: list.of(base), ours: list.of(ours), theirs: list.of(theirs) }
    }

    /// Every key: ours in our order, then what only they have in theirs.
    fn keys(&self) -> Vec<&str> {
        let theirs = self.theirs.order.iter().filter(|key| self.ours.get(key).is_none());
        self.ours.order.iter().chain(theirs).map(String::as_str).collect()
    }
}

/// Joins two definitions that go back to `base`. Of a document without the lists of a flow only fields are joined.
pub fn merge(base: &Json, ours: &Json, theirs: &Json, choices: &Choices) -> Merged {
    let mut merge = Merge { choices, conflicts: Vec::new() };
    let (b, o, t) = (rest(base), rest(ours), rest(theirs));
    let mut fields = merge.fields("", Some(&b), &o, &t);
    let nodes = Sides::of(&NODES, base, ours, theirs);
    let edges = Sides::of(&EDGES, base, ours, theirs);
    let variables = Sides::of(&VARIABLES, base, ours, theirs);
    let joined_nodes = merge.list(&NODES, &nodes, |key, side| leads_anew(&edges, key, side));
    let mut joined_edges = merge.list(&EDGES, &edges, |_, _| false);
    let joined_variables = merge.list(&VARIABLES, &variables, |_, _| false);
    drop_loose(&mut joined_edges, &joined_nodes, &nodes);
    free_ids(&mut joined_edges);
    for (list, joined) in [(NODES, joined_nodes), (EDGES, joined_edges), (VARIABLES, joined_variables)] {
        let is_list = |document: &Json| document.get(list.name).is_some_and(Json::is_array);
        if is_list(ours) || is_list(theirs) {
            fields.insert(list.name.to_owned(), Json::Array(joined));
        }
    }
    Merged { definition: Json::Object(fields), conflicts: merge.conflicts }
}

/// What a definition has beside its lists.
fn rest(document: &Json) -> Map<String, Json> {
    let mut fields = document.as_object().cloned().unwrap_or_default();
    fields.retain(|name, value| {
        !(value.is_array() && [NODES, EDGES, VARIABLES].iter().any(|list| list.name == name))
    });
    fields
}

/// Whether a side has an edge to that node that the common ancestor has not.
fn leads_anew(edges: &Sides<'_>, node: &str, side: Side) -> bool {
    let drawn = match side {
        Side::Ours => &edges.ours,
        Side::Theirs => &edges.theirs,
    };
    let leads = |edge: &Json| edge.get("target").and_then(Json::as_str) == Some(node);
    drawn.by_key.iter().any(|(key, edge)| leads(edge) && !edges.base.get(key).is_some_and(leads))
}

/// Takes away edges of nodes that one of the sides removed.
fn drop_loose(edges: &mut Vec<Json>, joined: &[Json], nodes: &Sides<'_>) {
    let there: BTreeSet<String> = joined.iter().map(|node| NODES.key(node)).collect();
    let removed = |node: Option<&str>| {
        node.is_some_and(|node| {
            let known = [&nodes.base, &nodes.ours, &nodes.theirs].iter().any(|side| side.get(node).is_some());
            known && !there.contains(node)
        })
    };
    edges.retain(|edge| {
        let end = |name: &str| edge.get(name).and_then(Json::as_str);
        !removed(end("source")) && !removed(end("target"))
    });
}

/// Both sides may have given one id to different edges: the later one gets another.
fn free_ids(edges: &mut [Json]) {
    let id = |edge: &Json| edge.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut all: BTreeSet<String> = edges.iter().map(id).collect();
    let mut seen = BTreeSet::new();
    // There are fewer ids than that.
    let most = edges.len() + 3;
    for edge in edges {
        let own = id(edge);
        if own.is_empty() || seen.insert(own.clone()) {
            continue;
        }
        let free = (2..most).map(|number| format!("{own}-{number}")).find(|id| !all.contains(id));
        if let (Some(free), Json::Object(fields)) = (free, edge) {
            all.insert(free.clone());
            seen.insert(free.clone());
            fields.insert("id".to_owned(), Json::String(free));
        }
    }
}

struct Merge<'c> {
    choices: &'c Choices,
    conflicts: Vec<Conflict>,
}

impl Merge<'_> {
    fn list(&mut self, list: &List, sides: &Sides<'_>, needed: impl Fn(&str, Side) -> bool) -> Vec<Json> {
        let mut joined = Vec::new();
        for key in sides.keys() {
            let (base, ours, theirs) = (sides.base.get(key), sides.ours.get(key), sides.theirs.get(key));
            let path = format!("{}.{key}", list.name);
            let element = match (ours, theirs) {
                (Some(ours), Some(theirs)) => Some(self.element(list, &path, base, ours, theirs)),
                // One side has it: it is new there, or the other side removed it.
                (Some(one), None) | (None, Some(one)) => {
                    let side = if ours.is_some() { Side::Ours } else { Side::Theirs };
                    match base {
                        None => Some(one.clone()),
                        Some(base) if list.same(base, one) && !needed(key, side) => None,
                        Some(_) => self.conflict(path, base, ours, theirs).cloned(),
                    }
                }
                (None, None) => None,
            };
            joined.extend(element);
        }
        joined
    }

    fn element(&mut self, list: &List, path: &str, base: Option<&Json>, ours: &Json, theirs: &Json) -> Json {
        let (Json::Object(our_fields), Json::Object(their_fields)) = (ours, theirs) else {
            return self.value(path.to_owned(), base, Some(ours), Some(theirs)).unwrap_or_default();
        };
        let none = Map::new();
        let base = base.map(|base| base.as_object().unwrap_or(&none));
        let mut their_fields = their_fields.clone();
        for name in list.cosmetic {
            let before = base.and_then(|base| base.get(*name));
            // Theirs counts only where we did not touch it.
            if our_fields.get(*name) != before {
                match our_fields.get(*name) {
                    Some(own) => their_fields.insert((*name).to_owned(), own.clone()),
                    None => their_fields.remove(*name),
                };
            }
        }
        Json::Object(self.fields(path, base, our_fields, &their_fields))
    }

    fn fields(
        &mut self,
        path: &str,
        base: Option<&Map<String, Json>>,
        ours: &Map<String, Json>,
        theirs: &Map<String, Json>,
    ) -> Map<String, Json> {
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let mut joined = Map::new();
        for name in names {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let before = base.and_then(|base| base.get(name));
            if let Some(value) = self.value(below, before, ours.get(name), theirs.get(name)) {
                joined.insert(name.clone(), value);
            }
        }
        joined
    }

    /// Joins one value. The depth is that of the documents, which their reader bounds.
    fn value(
        &mut self,
        path: String,
        base: Option<&Json>,
        ours: Option<&Json>,
        theirs: Option<&Json>,
    ) -> Option<Json> {
        if ours == theirs || theirs == base {
            return ours.cloned();
        }
        if ours == base {
            return theirs.cloned();
        }
        if let (Some(Json::Object(ours)), Some(Json::Object(theirs))) = (ours, theirs) {
            let base = base.and_then(Json::as_object);
            return Some(Json::Object(self.fields(&path, base, ours, theirs)));
        }
        self.conflict(path, base, ours, theirs).cloned()
    }

    /// The side that was chosen; ours, with the conflict named, where none was.
    fn conflict<'j>(
        &mut self,
        path: String,
        base: Option<&Json>,
        ours: Option<&'j Json>,
        theirs: Option<&'j Json>,
    ) -> Option<&'j Json> {
        match self.choices.get(&path) {
            Some(Side::Ours) => ours,
            Some(Side::Theirs) => theirs,
            None => {
                let (base, our, their) = (base.cloned(), ours.cloned(), theirs.cloned());
                self.conflicts.push(Conflict { path, base, ours: our, theirs: their });
                ours
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn base() -> Json {
        json!({
            "schema": 1,
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "a", "type": "message", "position": { "x": 0 }, "data": { "text": "A", "note": "n" } },
                { "id": "b", "type": "message", "data": { "text": "B" } },
            ],
            "edges": [{ "id": "e1", "source": "start", "target": "a" }, { "id": "e2", "source": "a", "target": "b" }],
            "variables": [{ "name": "v" }],
        })
    }

    fn edited(edit: impl FnOnce(&mut Json)) -> Json {
        let mut definition = base();
        edit(&mut definition);
        definition
    }

    fn paths(merged: &Merged) -> Vec<&str> {
        merged.conflicts.iter().map(|conflict| conflict.path.as_str()).collect()
    }

    #[test]
    fn what_either_side_changed_is_there() {
        let ours = edited(|flow| {
            flow["nodes"][1]["data"]["text"] = json!("ours");
            flow["nodes"][1]["position"] = json!({ "x": 1 });
            flow["edges"][0]["target"] = json!("b");
            flow["settings"] = json!({ "expire_seconds": 5 });
        });
        let theirs = edited(|flow| {
            flow["nodes"][1]["data"]["note"] = json!("theirs");
            flow["nodes"][1]["position"] = json!({ "x": 2 });
            flow["nodes"].as_array_mut().unwrap().push(json!({ "id": "c", "type": "end" }));
            flow["edges"].as_array_mut().unwrap().push(json!({ "id": "e1", "source": "b", "target": "c" }));
            flow["variables"] = json!([]);
        });
        let merged = merge(&base(), &ours, &theirs, &Choices::new());
        assert_eq!(merged.conflicts, []);
        let expected = json!({
            "schema": 1,
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "a", "type": "message", "position": { "x": 1 }, "data": { "text": "ours", "note": "theirs" } },
                { "id": "b", "type": "message", "data": { "text": "B" } },
                { "id": "c", "type": "end" },
            ],
            "edges": [
                { "id": "e1", "source": "start", "target": "b" },
                { "id": "e2", "source": "a", "target": "b" },
                { "id": "e1-2", "source": "b", "target": "c" },
            ],
            "variables": [],
            "settings": { "expire_seconds": 5 },
        });
        assert_eq!(merged.definition, expected);
    }

    #[test]
    fn what_both_changed_differently_is_named_and_a_choice_decides_it() {
        let ours = edited(|flow| {
            flow["nodes"][1]["data"]["text"] = json!("ours");
            flow["edges"][1]["target"] = json!("start");
        });
        let theirs = edited(|flow| {
            flow["nodes"][1]["data"]["text"] = json!("theirs");
            flow["edges"] = json!([{ "id": "e1", "source": "start", "target": "a" }]);
        });
        let merged = merge(&base(), &ours, &theirs, &Choices::new());
        assert_eq!(paths(&merged), ["nodes.a.data.text", "edges.a.next"]);
        assert_eq!(merged.conflicts[0].theirs, Some(json!("theirs")));
        assert_eq!(merged.conflicts[1].theirs, None);
        let choices = Choices::from([
            ("nodes.a.data.text".to_owned(), Side::Theirs),
            ("edges.a.next".to_owned(), Side::Theirs),
        ]);
        let merged = merge(&base(), &ours, &theirs, &choices);
        assert_eq!(merged.conflicts, []);
        assert_eq!(merged.definition, theirs);
    }

    #[test]
    fn a_node_that_is_removed_while_the_other_leads_to_it_is_a_conflict() {
        let ours = edited(|flow| {
            flow["nodes"].as_array_mut().unwrap().pop();
            flow["edges"].as_array_mut().unwrap().pop();
        });
        let theirs = edited(|flow| flow["edges"][0]["target"] = json!("b"));
        let merged = merge(&base(), &ours, &theirs, &Choices::new());
        assert_eq!(paths(&merged), ["nodes.b"]);
        let kept = Choices::from([("nodes.b".to_owned(), Side::Theirs)]);
        let merged = merge(&base(), &ours, &theirs, &kept);
        assert_eq!(merged.definition["nodes"].as_array().map(Vec::len), Some(3));
        assert_eq!(merged.definition["edges"], json!([{ "id": "e1", "source": "start", "target": "b" }]));
        let gone = Choices::from([("nodes.b".to_owned(), Side::Ours)]);
        assert_eq!(merge(&base(), &ours, &theirs, &gone).definition["edges"], json!([]));
        // One that only lies elsewhere was not changed.
        let moved = edited(|flow| flow["nodes"][2]["position"] = json!({ "x": 9 }));
        assert_eq!(merge(&base(), &ours, &moved, &Choices::new()).conflicts, []);
    }

    /// Small documents that often touch the same things.
    fn document() -> impl Strategy<Value = Json> {
        let nodes = prop::collection::btree_map("[a-c]", (0..3_u8, 0..2_u8), 0..3);
        let edges = prop::collection::btree_map("[a-c]", "[a-c]", 0..3);
        (nodes, edges, 0..3_u8).prop_map(|(nodes, edges, note)| {
            let nodes: Vec<Json> = nodes
                .into_iter()
                .map(|(id, (text, x))| json!({ "id": id, "position": x, "data": { "text": text } }))
                .collect();
            let there = |id: &str| nodes.iter().any(|node| node["id"] == id);
            let edges: Vec<Json> = edges
                .into_iter()
                .filter(|(source, target)| there(source) && there(target))
                .map(|(source, target)| json!({ "id": source, "source": source, "target": target }))
                .collect();
            json!({ "nodes": nodes, "edges": edges, "note": note })
        })
    }

    proptest! {
        #[test]
        fn one_side_that_changed_nothing_leaves_the_other(base in document(), other in document()) {
            let merged = merge(&base, &base, &other, &Choices::new());
            prop_assert_eq!(merged.conflicts, []);
            prop_assert!(crate::diff::diff(&merged.definition, &other).is_empty());
            prop_assert_eq!(merge(&base, &other, &base, &Choices::new()).definition, other);
        }

        #[test]
        fn both_ways_conflict_in_the_same_places_and_no_edge_hangs_loose(
            base in document(), ours in document(), theirs in document(),
        ) {
            let places = |one: &Json, other: &Json| {
                let merged = merge(&base, one, other, &Choices::new());
                merged.conflicts.into_iter().map(|conflict| conflict.path).collect::<BTreeSet<_>>()
            };
            prop_assert_eq!(places(&ours, &theirs), places(&theirs, &ours));
            let definition = merge(&base, &ours, &theirs, &Choices::new()).definition;
            let nodes: Vec<&Json> = definition["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
            for edge in definition["edges"].as_array().unwrap() {
                prop_assert!(nodes.contains(&&edge["source"]) && nodes.contains(&&edge["target"]));
            }
        }
    }
}
