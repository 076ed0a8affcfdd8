//! The canvas JSON of the BotBuilder platform: `nodes` and `edges`, as editors that draw with React Flow keep them.
//!
//! ```json
//! {"name": "Welcome", "nodes": [{"id": "1", "type": "start"}, {"id": "2", "type": "message", "data": {"text": "Hi"}}],
//!  "edges": [{"id": "e", "source": "1", "target": "2", "sourceHandle": null}], "variables": []}
//! ```
//!
//! The definition may also lie below `flow`, `definition`, `flow_data` or `data`. A node whose type and data are ours is
//! taken as it is; else its type and fields are read by the names that such editors use (`nodes.rs` has them).

mod conditions;
mod nodes;
mod ports;

use std::collections::{BTreeMap, BTreeSet};

use botbuilder_flow::{Code, Flow, definition::NAME_MAX};
use serde_json::{Value as Json, json};

use nodes::Read;

use crate::{
    Fault, Format, Import, ImportError, ImportedFlow, Report,
    build::{Builder, START, source_id, variable_name},
    items,
    report::Notes,
    text,
};

/// The canvas of a document: the document itself, or what lies in one of its usual places.
pub(crate) fn definition(document: &Json) -> Option<&Json> {
    let is_canvas = |json: &&Json| json.get("nodes").is_some_and(Json::is_array);
    let inside = ["flow", "definition", "flow_data", "flowData", "data", "graph"];
    std::iter::once(document).chain(inside.iter().filter_map(|field| document.get(*field))).find(is_canvas)
}

/// Imports a flow.
pub fn import(document: &Json) -> Result<Import, ImportError> {
    let name = Some(text(document, "name")).filter(|name| !name.trim().is_empty()).unwrap_or("Flow");
    let mut faults = Vec::new();
    let mut fault = |node: Option<&str>, message: String| {
        faults.push(Fault { flow: name.to_owned(), node: node.map(str::to_owned), message });
    };
    let Some(canvas) = definition(document) else {
        fault(None, "there is no list of `nodes`".to_owned());
        return Err(ImportError::Refused(faults));
    };
    let nodes = items(canvas, "nodes");
    let mut ids = BTreeSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let id = id_of(node);
        let label = if id.is_empty() { format!("nodes[{index}]") } else { id.clone() };
        if id.is_empty() || id.chars().count() > NAME_MAX - 8 {
            fault(Some(&label), format!("a node's id has 1 to {} characters", NAME_MAX - 8));
        } else if !ids.insert(id) {
            fault(Some(&label), "another node has the same id".to_owned());
        }
    }
    if nodes.is_empty() {
        fault(None, "there are no nodes".to_owned());
    }
    let edges = edges(canvas);
    for edge in &edges {
        for end in [&edge.source, &edge.target] {
            if !ids.contains(end) {
                fault(Some(end), format!("the edge {} joins a node that is not there", edge.id));
            }
        }
    }
    if !faults.is_empty() {
        return Err(ImportError::Refused(faults));
    }
    let mut report = Report::default();
    let builder = build(name, canvas, nodes, &edges, &mut report);
    if let Some(excess) = builder.excess() {
        let fault = Fault { flow: name.to_owned(), node: None, message: excess };
        return Err(ImportError::Refused(vec![fault]));
    }
    let definition = declared(builder.finish());
    let source_id = text(document, "id").to_owned();
    let flow = ImportedFlow { source_id, name: name.to_owned(), definition };
    Ok(Import { format: Format::Platform, flows: vec![flow], report })
}

/// An edge of the canvas.
struct Edge {
    id: String,
    source: String,
    target: String,
    /// What the editor calls the exit: a handle, a port or a label.
    exits: Vec<String>,
}

fn id_of(json: &Json) -> String {
    word(json, "id")
}

/// A field's text or number.
fn word(json: &Json, field: &str) -> String {
    match json.get(field) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn edges(canvas: &Json) -> Vec<Edge> {
    let read = |edge: &Json| {
        let named = ["sourceHandle", "source_handle", "port", "sourcePort", "label"];
        let mut exits: Vec<String> = named.iter().map(|field| word(edge, field)).collect();
        exits.extend(edge.get("data").map(|data| word(data, "label")));
        exits.retain(|exit| !exit.is_empty());
        Edge { id: id_of(edge), source: word(edge, "source"), target: word(edge, "target"), exits }
    };
    items(canvas, "edges").iter().map(read).collect()
}

fn build(name: &str, canvas: &Json, nodes: &[Json], edges: &[Edge], report: &mut Report) -> Builder {
    let mut builder = Builder::new();
    declare(&mut builder, canvas);
    let start = start_of(nodes, edges);
    let mut kinds = BTreeMap::new();
    for node in nodes {
        let id = id_of(node);
        let kind = nodes::kind_of(node);
        let mut notes = Notes::about(report, name, id.clone(), &kind);
        if nodes::is_start(&kind) {
            if Some(id.as_str()) != start {
                notes.not_supported("a flow has one start");
            }
            kinds.insert(id, Read { kind: "start", ports: vec!["next".to_owned()], data: json!({}) });
            notes.done();
            continue;
        }
        let read = nodes::read(&mut builder, node, &mut notes);
        builder.node(&source_id(&id), read.kind, read.data.clone());
        kinds.insert(id, read);
        notes.done();
    }
    let is_start = |id: &str| kinds.get(id).is_some_and(|read| read.kind == "start");
    if let Some(first) = start.filter(|first| !is_start(first)) {
        let mut notes = Notes::about(report, name, first.to_owned(), "start");
        notes.changed("there is no start, so the flow begins with the first node that nothing leads to");
        builder.edge(&(START.to_owned(), "next".to_owned()), &source_id(first));
    }
    for edge in edges {
        let Some(read) = kinds.get(&edge.source) else { continue };
        let mut notes = Notes::about(report, name, format!("{}/{}", edge.source, edge.id), "edge");
        if is_start(&edge.target) {
            notes.not_supported("nothing leads to the start");
            continue;
        }
        let source = if read.kind == "start" { START.to_owned() } else { source_id(&edge.source) };
        match ports::port(read, &edge.exits) {
            None => notes.not_supported(format!("the node has no exit `{}`", edge.exits.join("`, `"))),
            Some(port) => {
                let exit = (source, port);
                if builder.leads(&exit) {
                    notes.not_supported(
                        "another edge leaves by the same exit, and a conversation goes one way",
                    );
                } else {
                    builder.edge(&exit, &source_id(&edge.target));
                }
            }
        }
        notes.done();
    }
    for (id, read) in &kinds {
        let required = ports::required(read);
        let source = if read.kind == "start" { START.to_owned() } else { source_id(id) };
        for port in required {
            builder.end(&(source.clone(), port));
        }
    }
    if start.is_none() {
        builder.end(&(START.to_owned(), "next".to_owned()));
    }
    builder
}

/// The node that the flow begins with.
fn start_of<'n>(nodes: &'n [Json], edges: &[Edge]) -> Option<&'n str> {
    let id = |node: &'n Json| node.get("id").and_then(Json::as_str);
    let marked = nodes.iter().find(|node| nodes::is_start(&nodes::kind_of(node)));
    let entered: BTreeSet<&str> = edges.iter().map(|edge| edge.target.as_str()).collect();
    let free = nodes.iter().find(|node| id(node).is_some_and(|id| !entered.contains(id)));
    marked.or(free).or(nodes.first()).and_then(id)
}

/// Declares the variables of the canvas: a list of names and defaults, or an object of them.
fn declare(builder: &mut Builder, canvas: &Json) {
    let mut declare = |name: &str, kind: &str, default: &Json| {
        let kind = match kind.to_ascii_lowercase().as_str() {
            "number" | "integer" | "float" => "number",
            "boolean" | "bool" => "boolean",
            "array" | "list" => "list",
            "object" | "json" => "object",
            "date" => "date",
            _ => "string",
        };
        let fits = match kind {
            "number" => default.is_number(),
            "boolean" => default.is_boolean(),
            "list" => default.is_array(),
            "object" => default.is_object(),
            "string" => default.is_string(),
            _ => false,
        };
        let default = if fits { default.clone() } else { Json::Null };
        builder.variable(&variable_name("", name), kind, default);
    };
    match canvas.get("variables") {
        Some(Json::Array(list)) => {
            for variable in list {
                let name = variable.as_str().unwrap_or_else(|| text(variable, "name"));
                let default = ["default", "defaultValue", "default_value", "value", "initial"]
                    .into_iter()
                    .find_map(|field| variable.get(field));
                if !name.is_empty() {
                    declare(name, text(variable, "type"), default.unwrap_or(&Json::Null));
                }
            }
        }
        Some(Json::Object(fields)) => {
            for (name, default) in fields {
                let kind = match default {
                    Json::Number(_) => "number",
                    Json::Bool(_) => "boolean",
                    Json::Array(_) => "list",
                    Json::Object(_) => "object",
                    _ => "string",
                };
                declare(name, kind, default);
            }
        }
        _ => {}
    }
}

/// The definition with the variables declared that it uses without saying so.
fn declared(mut definition: Json) -> Json {
    let (_, problems) = Flow::draft(&definition);
    let mut missing: BTreeSet<String> = problems
        .into_iter()
        .filter(|problem| problem.code == Code::UndeclaredVariable)
        .filter_map(|problem| problem.variable)
        .collect();
    if let Some(variables) = definition["variables"].as_array_mut() {
        missing.retain(|name| !variables.iter().any(|variable| variable["name"] == **name));
        variables.extend(missing.into_iter().map(|name| json!({ "name": name, "type": "string" })));
    }
    definition
}
