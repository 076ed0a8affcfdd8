//! Reads a typebot, and finds its way about it.

use std::collections::{BTreeMap, BTreeSet};

use botbuilder_flow::definition::NAME_MAX;
use serde_json::Value as Json;

use crate::{
    Fault,
    build::{source_id, variable_name},
    items, text,
};

/// The inputs that need a question to be asked with.
const ASKING: [&str; 12] = [
    "number input",
    "email input",
    "url input",
    "date input",
    "time input",
    "phone number input",
    "choice input",
    "picture choice input",
    "rating input",
    "file input",
    "otp input",
    "cards",
];

/// A typebot.
pub(crate) struct Source<'j> {
    pub(crate) id: &'j str,
    pub(crate) name: &'j str,
    pub(crate) document: &'j Json,
    pub(crate) groups: Vec<Group<'j>>,
    /// Events other than the start: kind and id.
    pub(crate) other_events: Vec<(&'j str, &'j str)>,
    edges: BTreeMap<&'j str, &'j Json>,
    variables: Vec<Variable<'j>>,
    start: Option<&'j str>,
}

/// A group of blocks.
pub(crate) struct Group<'j> {
    pub(crate) id: &'j str,
    pub(crate) blocks: &'j [Json],
}

struct Variable<'j> {
    id: &'j str,
    theirs: &'j str,
    ours: String,
    is_list: bool,
    default: Json,
}

/// Reads a typebot. Everything that is wrong with it is told at once.
pub(crate) fn read(document: &Json) -> Result<Source<'_>, Vec<Fault>> {
    let name = Some(text(document, "name")).filter(|name| !name.trim().is_empty()).unwrap_or("Typebot");
    let mut faults = Vec::new();
    let mut fault = |node: Option<&str>, message: String| {
        faults.push(Fault { flow: name.to_owned(), node: node.map(str::to_owned), message });
    };
    if let Some(version) = document.get("version").filter(|version| !version.is_null()) {
        let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
        if !["3", "4", "5", "6", "6.1"].contains(&version.as_str()) {
            fault(None, format!("version `{version}` is not read; 3 to 6.1 are"));
        }
    }
    let mut groups = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, group) in items(document, "groups").iter().enumerate() {
        let id = text(group, "id");
        if id.is_empty() {
            fault(Some(&format!("groups[{index}]")), "the group has no id".to_owned());
        }
        let blocks = items(group, "blocks");
        for (place, block) in blocks.iter().enumerate() {
            let block_id = text(block, "id");
            let label = format!("{id}/blocks[{place}]");
            if block_id.is_empty() || block_id.chars().count() > NAME_MAX - 8 {
                fault(Some(&label), format!("a block's id has 1 to {} characters", NAME_MAX - 8));
            } else if !ids.insert(block_id) {
                fault(Some(block_id), "another block has the same id".to_owned());
            }
            if text(block, "type").is_empty() {
                fault(Some(&label), "the block has no type".to_owned());
            }
        }
        groups.push(Group { id, blocks });
    }
    if groups.is_empty() {
        fault(None, "there are no groups".to_owned());
    }
    let edges: BTreeMap<&str, &Json> =
        items(document, "edges").iter().map(|edge| (text(edge, "id"), edge)).collect();
    for (id, edge) in &edges {
        let to = edge.get("to").map(|to| text(to, "groupId")).unwrap_or_default();
        if !groups.iter().any(|group| group.id == to) {
            fault(None, format!("the edge {id} leads to the group `{to}`, which is not there"));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let events = items(document, "events");
    let other_events = events
        .iter()
        .filter(|event| text(event, "type") != "start")
        .map(|event| (text(event, "type"), text(event, "id")))
        .collect();
    let start_event = events.iter().find(|event| text(event, "type") == "start");
    let start_block =
        groups.iter().flat_map(|group| group.blocks).find(|block| text(block, "type") == "start");
    let start = start_event.or(start_block).map(|start| text(start, "outgoingEdgeId"));
    let variables = variables(document, &groups);
    let id = text(document, "id");
    Ok(Source { id, name, document, groups, other_events, edges, variables, start })
}

fn variables<'j>(document: &'j Json, groups: &[Group<'_>]) -> Vec<Variable<'j>> {
    let lists = list_variables(groups);
    let mut taken = BTreeSet::new();
    let mut variables = Vec::new();
    for variable in items(document, "variables") {
        let theirs = text(variable, "name");
        let base = variable_name("", theirs);
        // What the expression language has taken is given another name.
        let reserved =
            botbuilder_flow::expression::Expression::parse(&format!("{base} == 1")).map_or(true, |read| {
                let mut names = Vec::new();
                read.variables(&mut names);
                names.is_empty()
            });
        let base = if reserved { format!("{base}_") } else { base };
        let mut ours = base.clone();
        let mut number = 2;
        while !taken.insert(ours.clone()) {
            ours = format!("{base}_{number}");
            number += 1;
        }
        let id = text(variable, "id");
        let is_list = lists.contains(id);
        let default = match variable.get("value") {
            Some(Json::String(value)) if !is_list => Json::String(value.clone()),
            Some(value @ Json::Array(_)) if is_list => value.clone(),
            _ => Json::Null,
        };
        variables.push(Variable { id, theirs, ours, is_list, default });
    }
    variables
}

/// The variables that hold lists: those that are appended to, taken from, or offered as buttons.
fn list_variables<'g>(groups: &[Group<'g>]) -> BTreeSet<&'g str> {
    let mut lists = BTreeSet::new();
    for block in groups.iter().flat_map(|group| group.blocks) {
        let Some(options) = block.get("options") else { continue };
        if ["Append value(s)", "Pop", "Shift"].contains(&text(options, "type")) {
            lists.insert(text(options, "variableId"));
        }
        lists.insert(text(options, "dynamicVariableId"));
        if let Some(map) = options.get("mapListItemParams") {
            lists.extend(["baseListVariableId", "targetListVariableId"].map(|field| text(map, field)));
        }
    }
    lists
}

/// The id of a block's node.
pub(crate) fn node_id(block: &str) -> String {
    source_id(block)
}

impl Source<'_> {
    /// The first node.
    pub(crate) fn start(&self) -> Option<String> {
        match self.start {
            Some(edge) => self.edge(edge),
            None => self.groups.first().and_then(|group| self.first_of(group)),
        }
    }

    /// The node that an edge leads to; none where it leads to a group without blocks.
    pub(crate) fn edge(&self, id: &str) -> Option<String> {
        let to = self.edges.get(id)?.get("to")?;
        self.place(text(to, "groupId"), text(to, "blockId"))
    }

    /// The node of a block of a group, or of the group's first.
    pub(crate) fn place(&self, group: &str, block: &str) -> Option<String> {
        let group = self.groups.iter().find(|known| known.id == group)?;
        match group.blocks.iter().position(|known| text(known, "id") == block) {
            Some(index) => self.node_of(group, index),
            None => self.first_of(group),
        }
    }

    fn first_of(&self, group: &Group<'_>) -> Option<String> {
        self.node_of(group, 0)
    }

    /// The node of a block: that of the input where it is the input's question.
    fn node_of(&self, group: &Group<'_>, index: usize) -> Option<String> {
        let index = if self.is_question(group, index) { index + 1 } else { index };
        group.blocks.get(index).map(|block| node_id(text(block, "id")))
    }

    /// Where a block leads by itself: by its edge, or to the block behind it.
    pub(crate) fn next(&self, group: &Group<'_>, index: usize) -> Option<String> {
        let edge = group.blocks.get(index).map(|block| text(block, "outgoingEdgeId")).unwrap_or_default();
        if self.edges.contains_key(edge) { self.edge(edge) } else { self.node_of(group, index + 1) }
    }

    /// Whether a block is the text that asks for the input behind it.
    pub(crate) fn is_question(&self, group: &Group<'_>, index: usize) -> bool {
        let kind =
            |index: usize| group.blocks.get(index).map(|block| text(block, "type")).unwrap_or_default();
        let edge = group.blocks.get(index).map(|block| text(block, "outgoingEdgeId")).unwrap_or_default();
        kind(index) == "text" && !self.edges.contains_key(edge) && ASKING.contains(&kind(index + 1))
    }

    /// Our name of the variable with that id.
    pub(crate) fn variable(&self, id: &str) -> Option<&str> {
        self.variables.iter().find(|variable| variable.id == id).map(|variable| variable.ours.as_str())
    }

    /// Our name of the variable with that name.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let name = name.trim();
        self.variables
            .iter()
            .find(|variable| variable.theirs.trim() == name)
            .map(|variable| variable.ours.as_str())
    }

    /// The variables to declare: name, type and default.
    pub(crate) fn declared(&self) -> impl Iterator<Item = (String, &'static str, Json)> {
        self.variables.iter().map(|variable| {
            let kind = if variable.is_list { "list" } else { "string" };
            (variable.ours.clone(), kind, variable.default.clone())
        })
    }
}
