//! A flow that can be run: nodes, where their ports lead, variables, the clock.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    clock::Zone,
    definition::{self, Definition, VariableType},
    expression::Value,
    nodes::NodeKind,
    problem::{Code, Problem},
    validate,
    variable::Validation,
};

/// The id of a node, as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NodeId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A flow, read and checked. It does not change; share it.
#[derive(Debug)]
pub struct Flow {
    pub(crate) nodes: Vec<Node>,
    by_id: HashMap<NodeId, usize>,
    pub(crate) start: usize,
    pub(crate) variables: BTreeMap<Arc<str>, VariableType>,
    pub(crate) defaults: BTreeMap<Arc<str>, Value>,
    /// Variables whose values are shown to nobody.
    pub(crate) secrets: BTreeSet<Arc<str>>,
    /// What variables may hold, where there are rules beside their type.
    pub(crate) validations: BTreeMap<Arc<str>, Validation>,
    /// Variables without a default that a call of the flow must set.
    pub(crate) required: BTreeSet<Arc<str>>,
    /// After how many seconds without a word of the person a conversation ends.
    pub(crate) expire_seconds: Option<u32>,
    /// The clock it names itself.
    zone: Option<Zone>,
}

/// A node and where its ports lead.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) kind: NodeKind,
    pub(crate) exits: Vec<Exit>,
}

/// A connected port.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) port: Box<str>,
    /// Index of the node it leads to.
    pub(crate) target: usize,
}

impl Node {
    /// Where the port leads: by its own edge, or by the edge of the port `default`.
    pub(crate) fn exit(&self, port: &str) -> Option<usize> {
        let to = |port: &str| self.exits.iter().find(|exit| &*exit.port == port).map(|exit| exit.target);
        to(port).or_else(|| to("default"))
    }
}

impl Node {
    /// Whether the port has an edge of its own.
    pub(crate) fn has_own_exit(&self, port: &str) -> bool {
        self.exits.iter().any(|exit| &*exit.port == port)
    }
}

impl Flow {
    /// Reads a definition that is to be published: every rule must hold. Returns every problem at once.
    pub fn strict(definition: &Json) -> Result<Self, Vec<Problem>> {
        let (flow, problems) = Self::read(definition);
        match flow {
            Some(flow) if problems.is_empty() => Ok(flow),
            _ => Err(problems),
        }
    }

    /// Reads a draft. The flow is there if it can be run in a test; the problems are those that
    /// [`Flow::strict`] would refuse it for.
    pub fn draft(definition: &Json) -> (Option<Self>, Vec<Problem>) {
        let (flow, problems) = Self::read(definition);
        let runs = problems.iter().all(|problem| problem.code.runs_as_draft());
        (flow.filter(|_| runs), problems)
    }

    fn read(json: &Json) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let definition = definition::read(json, &mut problems);
        let unread = !problems.is_empty();
        let flow = Self::build(definition, unread, &mut problems);
        // Rules about the whole graph mean little while parts of it are missing.
        if let Some(flow) =
            flow.as_ref().filter(|_| problems.iter().all(|problem| problem.code.runs_as_draft()))
        {
            validate::check(flow, &mut problems);
        }
        (flow, problems)
    }

    /// Joins what was read. `unread` says that some elements are missing, so that an edge to one of them is
    /// not reported a second time.
    fn build(definition: Definition, unread: bool, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut nodes: Vec<Node> = Vec::with_capacity(definition.nodes.len());
        let mut by_id = HashMap::new();
        let mut starts = Vec::new();
        for (id, kind) in definition.nodes {
            let id = NodeId::from(id.as_str());
            if by_id.contains_key(&id) {
                problems.push(Problem::node(Code::Duplicate, &id, "another node has the same id"));
                continue;
            }
            if matches!(kind, NodeKind::Start(_)) {
                starts.push(nodes.len());
            }
            by_id.insert(id.clone(), nodes.len());
            nodes.push(Node { id, kind, exits: Vec::new() });
        }
        let mut edge_ids = std::collections::HashSet::new();
        for edge in &definition.edges {
            let problem = |code, message: String| Problem::edge(code, &edge.id, &edge.source, message);
            if !edge.id.is_empty() && !edge_ids.insert(edge.id.as_str()) {
                problems.push(problem(Code::Duplicate, "another edge has the same id".to_owned()));
            }
            let (source, target) = (by_id.get(edge.source.as_str()), by_id.get(edge.target.as_str()));
            let (Some(&source), Some(&target)) = (source, target) else {
                if !unread {
                    let missing = if source.is_none() { &edge.source } else { &edge.target };
                    problems.push(problem(Code::UnknownNode, format!("there is no node `{missing}`")));
                }
                continue;
            };
            let node = &mut nodes[source];
            if node.exits.iter().any(|exit| &*exit.port == edge.port()) {
                let message = format!("another edge leaves by the port `{}`", edge.port());
                problems.push(problem(Code::Duplicate, message));
                continue;
            }
            if !node.kind.behaviour().has_port(edge.port()) {
                let message = format!("the node has no port `{}`", edge.port());
                problems.push(problem(Code::UnknownPort, message));
                continue;
            }
            node.exits.push(Exit { port: edge.port().into(), target });
        }
        let mut variables = BTreeMap::new();
        let mut defaults = BTreeMap::new();
        let mut secrets = BTreeSet::new();
        let (mut validations, mut required) = (BTreeMap::new(), BTreeSet::new());
        for variable in definition.variables {
            let name: Arc<str> = variable.name.as_str().into();
            if variables.insert(Arc::clone(&name), variable.kind).is_some() {
                let message = "another variable has the same name";
                problems.push(Problem::variable(Code::Duplicate, &variable.name, message));
            }
            if variable.secret {
                secrets.insert(Arc::clone(&name));
            }
            if variable.required && variable.default == Value::Null {
                required.insert(Arc::clone(&name));
            }
            if !variable.validation.is_empty() {
                validations.insert(Arc::clone(&name), variable.validation);
            }
            defaults.insert(name, variable.kind.hold(variable.default).unwrap_or_default());
        }
        let &[start] = starts.as_slice() else {
            if starts.is_empty() && !unread {
                problems.push(Problem::flow(Code::Start, "there is no start node"));
            }
            for extra in starts.iter().skip(1) {
                problems.push(Problem::node(
                    Code::Start,
                    &nodes[*extra].id,
                    "there is more than one start node",
                ));
            }
            return None;
        };
        let settings = definition.settings;
        let zone = settings.time_zone.or_else(|| Zone::fixed(settings.utc_offset_minutes?));
        let expire_seconds = settings.expire_seconds;
        Some(Self {
            nodes,
            by_id,
            start,
            variables,
            defaults,
            secrets,
            validations,
            required,
            expire_seconds,
            zone,
        })
    }

    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has no nodes; a flow that was read has at least its start.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The index of the node of that id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The clock that the flow names, if it names one.
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.zone
    }
}
