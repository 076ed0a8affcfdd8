//! Moving conversations that are under way to another version of their flow.
//!
//! A map says for nodes of the old version where a conversation that is there goes on in the new one: at a node, or
//! nowhere (it ends). A node that is not in the map keeps its id. A conversation that is inside a flow that was called
//! stays with its version until it has come back.

use std::collections::BTreeMap;

use botbuilder_domain::VersionId;
use serde::{Deserialize, Serialize};

use crate::{
    flow::{Flow, NodeId},
    nodes::Role,
    problem::{Code, Problem},
    session::Session,
};

/// Where a conversation at a node goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// At that node of the new version.
    Node(String),
    /// Nowhere: it ends.
    End,
}

/// By node of the old version.
pub type Map = BTreeMap<String, Destination>;

/// What becomes of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It stays with its version: it is inside a flow that was called, waits for an answer, or does not wait.
    Stays,
    /// It goes on at that node of the new version.
    Moves {
        /// The node.
        node: NodeId,
    },
    /// It ends.
    Ends,
}

/// A migration that was checked.
#[derive(Debug)]
pub struct Migration<'f> {
    to: &'f Flow,
    map: &'f Map,
}

/// How a node waits, as far as another can take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    ForThePerson,
    ForTime,
    No,
}

fn waits(flow: &Flow, at: usize) -> Waits {
    match flow.nodes[at].kind.behaviour().role() {
        Role::Waits(_) => Waits::ForThePerson,
        Role::Pauses(_) => Waits::ForTime,
        // A question about what was meant belongs to the version that asks it.
        Role::Passes | Role::Asks(_) | Role::Clarifies(..) | Role::Calls(_) => Waits::No,
    }
}

impl<'f> Migration<'f> {
    /// Checks a map. Every node at which a conversation can wait leads to a node that waits in the same way, or to the
    /// end; returns everything that is wrong at once.
    pub fn check(from: &Flow, to: &'f Flow, map: &'f Map) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for node in map.keys().filter(|node| from.find(node).is_none()) {
            problems.push(Problem::node(Code::UnknownNode, node, "the old version has no such node"));
        }
        for (at, node) in from.nodes.iter().enumerate() {
            let id = node.id.as_str();
            let target = match map.get(id) {
                Some(Destination::End) => continue,
                Some(Destination::Node(target)) => target,
                None => id,
            };
            let kind = waits(from, at);
            if kind == Waits::No {
                continue;
            }
            match to.find(target) {
                None => {
                    let message =
                        format!("conversations wait here, and the new version has no node `{target}`");
                    problems.push(Problem::node(Code::UnknownNode, id, message));
                }
                Some(there) if waits(to, there) != kind => {
                    let message =
                        format!("conversations wait here, and `{target}` does not wait in the same way");
                    problems.push(Problem::node(Code::UnknownNode, id, message));
                }
                Some(_) => {}
            }
        }
        if problems.is_empty() { Ok(Self { to, map }) } else { Err(problems) }
    }

    /// What becomes of a conversation.
    pub fn fate(&self, session: &Session) -> Fate {
        let waits = session.wait.is_some()
            && session.pending.is_none()
            && session.meant.is_none()
            && session.frames.is_empty();
        let Some(node) = session.node.as_ref().filter(|_| waits && !session.ended) else {
            return Fate::Stays;
        };
        match self.map.get(node.as_str()) {
            Some(Destination::End) => Fate::Ends,
            Some(Destination::Node(target)) => Fate::Moves { node: NodeId::from(target.as_str()) },
            None => Fate::Moves { node: node.clone() },
        }
    }

    /// The conversation in the new version. Variables that it does not declare, or that do not fit their type there, are
    /// left out.
    pub fn apply(&self, mut session: Session, version: VersionId) -> Session {
        match self.fate(&session) {
            Fate::Stays => {}
            Fate::Ends => {
                session.wait = None;
                session.ended = true;
            }
            Fate::Moves { node } => {
                session.node = Some(node);
                session.version = Some(version);
                let variables = std::mem::take(&mut session.variables);
                session.variables = variables
                    .into_iter()
                    .filter_map(|(name, value)| {
                        Some((name.clone(), self.to.variables.get(&name)?.hold(value)?))
                    })
                    .collect();
            }
        }
        session
    }
}
