//! Puts a definition of ours together.

use std::collections::{BTreeMap, BTreeSet};

use botbuilder_flow::definition::{NAME_MAX, NODES_MAX, VARIABLES_MAX};
use serde_json::{Map, Value as Json, json};

/// The node that a flow begins with.
pub(crate) const START: &str = "start";
/// The node at which branches end that lead nowhere.
const END: &str = "end";
/// How far apart the editor draws nodes, and how many stand in a row.
const GRID: (usize, usize, usize) = (260, 160, 8);

/// An exit of a node: its id and the port.
pub(crate) type Exit = (String, String);

/// A definition that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Json>,
    ids: BTreeSet<String>,
    edges: Vec<Json>,
    connected: BTreeSet<Exit>,
    variables: BTreeMap<String, Json>,
    settings: Map<String, Json>,
}

impl Builder {
    /// With a start node.
    pub(crate) fn new() -> Self {
        let mut builder = Self::default();
        builder.node(START, "start", json!({}));
        builder
    }

    /// Adds a node and returns its id: the wanted one, or one like it that is free.
    #[expect(clippy::needless_pass_by_value, reason = "what is made for a node is given to it")]
    pub(crate) fn node(&mut self, wanted: &str, kind: &str, data: Json) -> String {
        let id = self.free(wanted);
        let (width, height, row) = GRID;
        let place = self.nodes.len();
        let position = json!({ "x": place % row * width, "y": place / row * height });
        self.nodes.push(json!({ "id": id, "type": kind, "position": position, "data": data }));
        self.ids.insert(id.clone());
        id
    }

    fn free(&self, wanted: &str) -> String {
        let clipped: String = wanted.chars().take(NAME_MAX).collect();
        if !clipped.is_empty() && !self.ids.contains(&clipped) {
            return clipped;
        }
        let short: String = wanted.chars().take(NAME_MAX - 8).collect();
        (1..=u32::MAX)
            .map(|number| format!("{short}.{number}"))
            .find(|id| !self.ids.contains(id))
            .unwrap_or_default()
    }

    /// Leads an exit to a node, if it leads nowhere yet.
    pub(crate) fn edge(&mut self, (source, port): &Exit, target: &str) {
        if self.connected.insert((source.clone(), port.clone())) {
            let id = format!("e{}", self.edges.len() + 1);
            self.edges.push(json!({ "id": id, "source": source, "target": target, "port": port }));
        }
    }

    /// Whether an exit leads anywhere.
    pub(crate) fn leads(&self, exit: &Exit) -> bool {
        self.connected.contains(exit)
    }

    /// Leads an exit to the end of the flow, if it leads nowhere yet.
    pub(crate) fn end(&mut self, exit: &Exit) {
        if self.leads(exit) {
            return;
        }
        if !self.ids.contains(END) {
            self.node(END, "end", json!({}));
        }
        self.edge(exit, END);
    }

    /// Declares a variable. The first declaration holds.
    pub(crate) fn variable(&mut self, name: &str, kind: &str, default: Json) {
        let mut variable = json!({ "name": name, "type": kind });
        if !default.is_null() {
            variable["default"] = default;
        }
        self.variables.entry(name.to_owned()).or_insert(variable);
    }

    /// Sets one of the flow's settings.
    pub(crate) fn setting(&mut self, name: &str, value: Json) {
        self.settings.insert(name.to_owned(), value);
    }

    /// Adds fields to the data of a node.
    pub(crate) fn amend(&mut self, id: &str, fields: &Json) {
        let node = self.nodes.iter_mut().find(|node| node["id"] == id);
        if let (Some(node), Some(fields)) = (node, fields.as_object()) {
            for (name, value) in fields {
                node["data"][name] = value.clone();
            }
        }
    }

    /// What does not fit into a definition of ours.
    pub(crate) fn excess(&self) -> Option<String> {
        if self.nodes.len() > NODES_MAX {
            return Some(format!("it has {} nodes here, {NODES_MAX} are allowed", self.nodes.len()));
        }
        let variables = self.variables.len();
        (variables > VARIABLES_MAX)
            .then(|| format!("it has {variables} variables here, {VARIABLES_MAX} are allowed"))
    }

    /// The definition.
    pub(crate) fn finish(self) -> Json {
        let mut definition = json!({
            "schema": 1,
            "nodes": self.nodes,
            "edges": self.edges,
            "variables": self.variables.into_values().collect::<Vec<_>>(),
        });
        if !self.settings.is_empty() {
            definition["settings"] = Json::Object(self.settings);
        }
        definition
    }
}

/// Nodes one behind the other. The first has the wanted id, so that edges to it can be made before it is there.
#[derive(Debug)]
pub(crate) struct Chain<'b> {
    pub(crate) builder: &'b mut Builder,
    wanted: String,
    length: usize,
    /// The exits that lead to the next node.
    pub(crate) tails: Vec<Exit>,
}

impl<'b> Chain<'b> {
    /// A chain whose first node has that id.
    pub(crate) fn new(builder: &'b mut Builder, wanted: &str) -> Self {
        Self { builder, wanted: wanted.to_owned(), length: 0, tails: Vec::new() }
    }

    /// Whether it has no node yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a node behind the others, without exits of its own yet.
    pub(crate) fn branch(&mut self, kind: &str, data: Json) -> String {
        let wanted = match self.length {
            0 => self.wanted.clone(),
            length => format!("{}.{length}", self.wanted),
        };
        self.length += 1;
        let id = self.builder.node(&wanted, kind, data);
        for tail in std::mem::take(&mut self.tails) {
            self.builder.edge(&tail, &id);
        }
        id
    }

    /// Adds a node that goes on by those ports.
    pub(crate) fn push(&mut self, kind: &str, data: Json, ports: &[&str]) -> String {
        let id = self.branch(kind, data);
        self.tails = ports.iter().map(|port| (id.clone(), (*port).to_owned())).collect();
        id
    }

    /// Leads what is left to a node, or to the end. An empty chain becomes a node that only goes there.
    pub(crate) fn finish(mut self, target: Option<&str>) {
        if self.length == 0 {
            match target {
                Some(target) => {
                    self.branch("goto", json!({ "node": target }));
                }
                None => {
                    self.branch("end", json!({}));
                }
            }
        }
        for tail in std::mem::take(&mut self.tails) {
            match target {
                Some(target) => self.builder.edge(&tail, target),
                None => self.builder.end(&tail),
            }
        }
    }
}

/// The id that a node of the source has here: its own, unless ours is called so.
pub(crate) fn source_id(id: &str) -> String {
    if [START, END].contains(&id) { format!("{id}_") } else { id.to_owned() }
}

/// A text as it stands between double quotes in an expression.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as it stands in a template.
pub(crate) fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// A template that is one tag: a value of any kind, or an empty text where the expression has none.
pub(crate) fn value_tag(expression: &str) -> String {
    format!("{{{{ {expression} | default(\"\") }}}}")
}

/// A name for a variable: letters, digits and underscores, in lower case, behind the prefix.
pub(crate) fn variable_name(prefix: &str, name: &str) -> String {
    let mut clean = String::from(prefix);
    let mut gap = false;
    for letter in name.trim().chars() {
        if letter.is_ascii_alphanumeric() {
            if gap && !clean.is_empty() && !clean.ends_with('_') {
                clean.push('_');
            }
            gap = false;
            clean.push(letter.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    if clean.is_empty() || clean.starts_with(|first: char| first.is_ascii_digit()) {
        clean.insert_str(0, "v_");
    }
    clean.truncate(NAME_MAX);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_variables() {
        assert_eq!(variable_name("result_", "Favorite Color"), "result_favorite_color");
        assert_eq!(variable_name("", "2nd name!"), "v_2nd_name");
        assert_eq!(variable_name("", "Größe"), "gr_e");
    }

    #[test]
    fn braces_and_quotes_stay_what_they_are() {
        assert_eq!(literal("a {{b}}"), "a {{ \"{{\" }}b}}");
        assert_eq!(quoted("say \"hi\"\n"), "\"say \\\"hi\\\"\\n\"");
    }
}
