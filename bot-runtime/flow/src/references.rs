//! What a flow uses that is no part of it, and whether that is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    flow::{Flow, NodeId},
    nodes::Reference,
    problem::{Code, Problem},
};

/// What a bot has, by ids as texts; intents by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Published flows, each with the variables it declares.
    pub flows: BTreeMap<String, BTreeSet<String>>,
    /// Agents.
    pub agents: BTreeSet<String>,
    /// Workflows of agents.
    pub workflows: BTreeSet<String>,
    /// Knowledge bases.
    pub knowledge_bases: BTreeSet<String>,
    /// Intents.
    pub intents: BTreeSet<String>,
}

impl Flow {
    /// The flows that it calls, by their ids; one may be named more than once.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.uses().filter_map(|(_, reference)| match reference {
            Reference::Flow { id, .. } => Some(id),
            Reference::Agent(_)
            | Reference::Workflow(_)
            | Reference::KnowledgeBase(_)
            | Reference::Intent(_) => None,
        })
    }

    /// The names of the variables that it declares.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(|name| &**name)
    }

    /// What it uses and the bot does not have, all at once: flows, the variables of them that are set and read, agents,
    /// workflows, knowledge bases, intents.
    pub fn check_references(&self, known: &Known) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (node, reference) in self.uses() {
            let mut missing = |there: bool, what: &str, name: &str| {
                if !there {
                    let message = format!("there is no {what} `{name}`");
                    problems.push(Problem::node(Code::MissingReference, node, message));
                }
            };
            match reference {
                Reference::Agent(id) => missing(known.agents.contains(id), "agent", id),
                Reference::Workflow(id) => missing(known.workflows.contains(id), "workflow", id),
                Reference::KnowledgeBase(id) => {
                    missing(known.knowledge_bases.contains(id), "knowledge base", id);
                }
                Reference::Intent(name) => missing(known.intents.contains(name), "intent", name),
                Reference::Flow { id, variables } => match known.flows.get(id) {
                    None => missing(false, "published flow", id),
                    Some(declared) => {
                        for name in variables {
                            missing(declared.contains(name), "variable in the flow that is called", name);
                        }
                    }
                },
            }
        }
        problems
    }

    fn uses(&self) -> impl Iterator<Item = (&NodeId, Reference<'_>)> {
        self.nodes.iter().flat_map(|node| {
            let uses = node.kind.behaviour().about().uses;
            uses.into_iter().map(move |reference| (&node.id, reference))
        })
    }
}
