//! Reads their flows, and says everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::check;
use crate::{Fault, items, text};

/// Most nodes of a flow; most actions, exits, categories and cases of a node.
const NODES_MAX: usize = 1_000;
const PARTS_MAX: usize = 100;
/// Longest name of a flow, a group or another thing, in characters.
pub(super) const NAME_MAX: usize = 64;

/// A flow.
#[derive(Debug)]
pub(crate) struct Source<'j> {
    pub(crate) uuid: &'j str,
    pub(crate) name: &'j str,
    /// The first number of its spec.
    pub(crate) major: u32,
    pub(crate) json: &'j Json,
    pub(crate) nodes: Vec<Node<'j>>,
}

/// A node: actions, then a router or one exit.
#[derive(Debug)]
pub(crate) struct Node<'j> {
    pub(crate) uuid: &'j str,
    pub(crate) actions: Vec<&'j Json>,
    pub(crate) router: Option<Router<'j>>,
    /// Where each exit leads.
    pub(crate) exits: Vec<(&'j str, Option<&'j str>)>,
}

/// Chooses an exit.
#[derive(Debug)]
pub(crate) struct Router<'j> {
    pub(crate) random: bool,
    pub(crate) wait: Option<&'j Json>,
    pub(crate) result_name: &'j str,
    pub(crate) operand: &'j str,
    pub(crate) categories: Vec<Category<'j>>,
    pub(crate) default: Option<&'j str>,
    pub(crate) cases: Vec<Case<'j>>,
}

/// A result of a router.
#[derive(Debug)]
pub(crate) struct Category<'j> {
    pub(crate) uuid: &'j str,
    pub(crate) name: &'j str,
    pub(crate) exit: &'j str,
}

/// A test of a router.
#[derive(Debug)]
pub(crate) struct Case<'j> {
    pub(crate) uuid: &'j str,
    pub(crate) kind: &'j str,
    pub(crate) arguments: Vec<&'j str>,
    pub(crate) category: &'j str,
}

impl<'j> Router<'j> {
    /// The category of that id.
    pub(crate) fn category(&self, uuid: &str) -> Option<&Category<'j>> {
        self.categories.iter().find(|category| category.uuid == uuid)
    }
}

impl Node<'_> {
    /// Where an exit leads.
    pub(crate) fn destination(&self, exit: &str) -> Option<&str> {
        self.exits.iter().find(|(uuid, _)| *uuid == exit).and_then(|(_, destination)| *destination)
    }
}

/// Collects what is wrong with one flow.
pub(super) struct Faults<'f> {
    pub(super) flow: String,
    pub(super) node: Option<String>,
    pub(super) list: &'f mut Vec<Fault>,
}

impl Faults<'_> {
    pub(super) fn add(&mut self, message: impl Into<String>) {
        let fault = Fault { flow: self.flow.clone(), node: self.node.clone(), message: message.into() };
        self.list.push(fault);
    }

    /// The text of a field that has to be there.
    fn required<'j>(&mut self, json: &'j Json, field: &str, of: &str) -> &'j str {
        let found = text(json, field);
        if found.is_empty() {
            self.add(format!("{of} has no `{field}`"));
        }
        found
    }

    fn at_most(&mut self, count: usize, most: usize, what: &str) {
        if count > most {
            self.add(format!("{count} {what}, {most} are allowed"));
        }
    }
}

/// The flows of a document: one alone, those of an export, or those of assets.
pub(crate) fn flows(source: &Json) -> Vec<&Json> {
    let Some(list) = source.get("flows").and_then(Json::as_array) else { return vec![source] };
    // Some tools wrap each definition once more.
    list.iter().map(|flow| flow.get("definition").filter(|inner| inner.is_object()).unwrap_or(flow)).collect()
}

/// Reads one flow. What is wrong with it is added to `faults`.
pub(crate) fn read<'j>(json: &'j Json, list: &mut Vec<Fault>) -> Source<'j> {
    let label = [text(json, "name"), text(json, "uuid"), "?"].into_iter().find(|name| !name.is_empty());
    let mut faults = Faults { flow: label.unwrap_or_default().to_owned(), node: None, list };
    let uuid = faults.required(json, "uuid", "the flow");
    let major = read_version(json, &mut faults);
    let name = text(json, "name");
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(['"', '\\', '\0']) {
        faults.add(format!("the flow has no name of 1 to {NAME_MAX} characters"));
    }
    let kind = text(json, "type");
    if !["messaging", "messaging_background", "messaging_offline", "voice"].contains(&kind) {
        faults.add(format!("`{kind}` is no type of flow"));
    }
    read_localization(json, &mut faults);
    let nodes = match json.get("nodes") {
        Some(Json::Array(nodes)) => nodes.as_slice(),
        None | Some(Json::Null) => &[],
        Some(_) => {
            faults.add("`nodes` is not a list");
            &[]
        }
    };
    faults.at_most(nodes.len(), NODES_MAX, "nodes");
    let known: BTreeSet<&str> = nodes.iter().map(|node| text(node, "uuid")).collect();
    let mut seen = BTreeSet::new();
    let mut read = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let uuid = text(node, "uuid");
        faults.node = Some(if uuid.is_empty() { format!("nodes[{index}]") } else { uuid.to_owned() });
        if !node.is_object() {
            faults.add("the node is not an object");
            continue;
        }
        if !is_uuid(uuid) {
            faults.add("the node's `uuid` is none");
        }
        if !seen.insert(uuid) {
            faults.add("another node has the same `uuid`");
        }
        read.push(read_node(node, uuid, kind, &known, &mut faults));
    }
    Source { uuid, name, major, json, nodes: read }
}

fn read_version(json: &Json, faults: &mut Faults<'_>) -> u32 {
    let version = faults.required(json, "spec_version", "the flow");
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next().unwrap_or(Ok(0))) {
        (Some(Ok(major @ (13 | 14))), Ok(_)) => major,
        _ if version.is_empty() => 0,
        _ => {
            faults.add(format!("spec version `{version}` is not read; 13.0 to 14 are"));
            0
        }
    }
}

fn read_localization(json: &Json, faults: &mut Faults<'_>) {
    let Some(languages) = json.get("localization").and_then(Json::as_object) else { return };
    for (language, translations) in languages {
        if language.len() != 3 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
            faults.add(format!("`localization`: `{language}` is no language of three letters"));
        }
        for (uuid, properties) in translations.as_object().into_iter().flatten() {
            if !is_uuid(uuid) {
                faults.add(format!("`localization.{language}`: `{uuid}` is no id"));
            }
            let properties = properties.as_object().into_iter().flatten();
            for key in properties.map(|(key, _)| key).filter(|key| key.is_empty() || key.len() > NAME_MAX) {
                faults.add(format!("`localization.{language}.{uuid}`: `{key}` is no property"));
            }
        }
    }
}

fn read_node<'j>(
    json: &'j Json,
    uuid: &'j str,
    kind: &str,
    known: &BTreeSet<&str>,
    faults: &mut Faults<'_>,
) -> Node<'j> {
    let actions = items(json, "actions");
    faults.at_most(actions.len(), PARTS_MAX, "actions");
    for (index, action) in actions.iter().enumerate() {
        check::action(action, index, kind, faults);
    }
    let exits = items(json, "exits");
    faults.at_most(exits.len(), PARTS_MAX, "exits");
    if exits.is_empty() {
        faults.add("the node has no exit");
    }
    let mut read = Vec::new();
    for exit in exits {
        let (uuid, destination) = (text(exit, "uuid"), text(exit, "destination_uuid"));
        if uuid.is_empty() {
            faults.add("an exit has no `uuid`");
        }
        if !destination.is_empty() && !known.contains(destination) {
            faults.add(format!("the exit {uuid} leads to {destination}, which is no node"));
        }
        read.push((uuid, Some(destination).filter(|destination| !destination.is_empty())));
    }
    let router = json.get("router").filter(|router| !router.is_null());
    let router = router.map(|router| read_router(router, &read, kind, faults));
    Node { uuid, actions: actions.iter().collect(), router, exits: read }
}

fn read_router<'j>(
    json: &'j Json,
    exits: &[(&str, Option<&str>)],
    kind: &str,
    faults: &mut Faults<'_>,
) -> Router<'j> {
    let random = match text(json, "type") {
        "switch" => false,
        "random" => true,
        other => {
            faults.add(format!("`{other}` is no type of router"));
            false
        }
    };
    let categories = items(json, "categories");
    faults.at_most(categories.len(), PARTS_MAX, "categories");
    if categories.is_empty() {
        faults.add("the router has no categories");
    }
    let mut by_id = BTreeMap::new();
    let mut read = Vec::new();
    for category in categories {
        let uuid = faults.required(category, "uuid", "a category");
        let name = faults.required(category, "name", "a category");
        let exit = faults.required(category, "exit_uuid", "a category");
        if !exit.is_empty() && !exits.iter().any(|(known, _)| *known == exit) {
            faults.add(format!("the category `{name}` leaves by {exit}, which is no exit"));
        }
        by_id.insert(uuid, name);
        read.push(Category { uuid, name, exit });
    }
    let default = Some(text(json, "default_category_uuid")).filter(|uuid| !uuid.is_empty());
    if let Some(default) = default.filter(|default| !by_id.contains_key(default)) {
        faults.add(format!("the default category {default} is none of the categories"));
    }
    let cases = items(json, "cases");
    faults.at_most(cases.len(), PARTS_MAX, "cases");
    let mut read_cases = Vec::new();
    for case in cases {
        let category = text(case, "category_uuid");
        if !by_id.contains_key(category) {
            faults.add(format!("the category {category} of a case is none of the categories"));
        }
        let case_kind = faults.required(case, "type", "a case");
        let arguments: Vec<&str> =
            items(case, "arguments").iter().map(|argument| argument.as_str().unwrap_or_default()).collect();
        check::arguments(case_kind, arguments.len(), faults);
        read_cases.push(Case { uuid: text(case, "uuid"), kind: case_kind, arguments, category });
    }
    let wait = json.get("wait").filter(|wait| !wait.is_null());
    if let Some(wait) = wait {
        check::wait(wait, kind, faults);
        let timeout = wait.get("timeout").map(|timeout| text(timeout, "category_uuid"));
        if let Some(category) = timeout.filter(|category| !by_id.contains_key(category)) {
            faults.add(format!("the timeout's category {category} is none of the categories"));
        }
    }
    Router {
        random,
        wait,
        result_name: text(json, "result_name"),
        operand: text(json, "operand"),
        categories: read,
        default,
        cases: read_cases,
    }
}

/// Whether a text is a UUID as they write it.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok()
}
