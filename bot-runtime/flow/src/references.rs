//! What a flow uses that is no part of it, and whether that is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    flow::{Flow, NodeId},
    nodes::Reference,
    problem::{Code, Problem},
};

/// Things that flows use: those that a bot has, or those that a flow names. Ids are texts; intents, entities and secrets
/// go by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Published flows, each with the variables it declares.
    pub flows: BTreeMap<String, BTreeSet<String>>,
    /// The variables of them that a call must set.
    pub required: BTreeMap<String, BTreeSet<String>>,
    /// Agents that are active.
    pub agents: BTreeSet<String>,
    /// Workflows of agents that are active.
    pub workflows: BTreeSet<String>,
    /// Knowledge bases.
    pub knowledge_bases: BTreeSet<String>,
    /// Intents that are active.
    pub intents: BTreeSet<String>,
    /// Entities.
    pub entities: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeSet<String>,
    /// Messages that the provider approves, by name, each with the languages it is there in. An empty language stands for
    /// any.
    pub templates: BTreeMap<String, BTreeSet<String>>,
    /// Experiments.
    pub experiments: BTreeSet<String>,
}

impl Flow {
    /// The flows that it calls, by their ids; one may be named more than once.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.uses().filter_map(|(_, reference)| match reference {
            Reference::Flow { id, .. } => Some(id),
            Reference::Agent(_)
            | Reference::Workflow(_)
            | Reference::KnowledgeBase(_)
            | Reference::Intent(_)
            | Reference::Entity(_)
            | Reference::Secret(_)
            | Reference::Template { .. }
            | Reference::Experiment(_) => None,
        })
    }

    /// The names of the variables that it declares.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(|name| &**name)
    }

    /// The names of the variables that a call of it must set.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(|name| &**name)
    }

    /// Everything that it uses: what to look for before [`Self::check_references`].
    pub fn needs(&self) -> Known {
        let mut needs = Known::default();
        for (_, reference) in self.uses() {
            let (names, name) = match reference {
                Reference::Flow { id, variables, .. } => {
                    let known = needs.flows.entry(id.to_owned()).or_default();
                    known.extend(variables.into_iter().map(str::to_owned));
                    continue;
                }
                Reference::Template { name, language } => {
                    needs.templates.entry(name.to_owned()).or_default().insert(language.to_owned());
                    continue;
                }
                Reference::Agent(id) => (&mut needs.agents, id),
                Reference::Workflow(id) => (&mut needs.workflows, id),
                Reference::KnowledgeBase(id) => (&mut needs.knowledge_bases, id),
                Reference::Intent(name) => (&mut needs.intents, name),
                Reference::Entity(name) => (&mut needs.entities, name),
                Reference::Secret(name) => (&mut needs.secrets, name),
                Reference::Experiment(id) => (&mut needs.experiments, id),
            };
            names.insert(name.to_owned());
        }
        needs
    }

    /// What it uses and the bot does not have, all at once, each with its node.
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
                Reference::Agent(id) => missing(known.agents.contains(id), "active agent", id),
                Reference::Workflow(id) => missing(known.workflows.contains(id), "active workflow", id),
                Reference::KnowledgeBase(id) => {
                    missing(known.knowledge_bases.contains(id), "knowledge base", id);
                }
                Reference::Intent(name) => missing(known.intents.contains(name), "active intent", name),
                Reference::Entity(name) => missing(known.entities.contains(name), "entity", name),
                Reference::Secret(name) => missing(known.secrets.contains(name), "secret", name),
                Reference::Experiment(id) => missing(known.experiments.contains(id), "experiment", id),
                Reference::Template { name, language } => match known.templates.get(name) {
                    None => missing(false, "template", name),
                    Some(languages) => {
                        let there = language.is_empty() || languages.contains(language);
                        missing(there, &format!("translation `{language}` of the template"), name);
                    }
                },
                Reference::Flow { id, variables, given } => match known.flows.get(id) {
                    None => missing(false, "published flow", id),
                    Some(declared) => {
                        for name in variables {
                            missing(declared.contains(name), "variable in the flow that is called", name);
                        }
                        for name in known.required.get(id).into_iter().flatten() {
                            let is_given = given.contains(&name.as_str());
                            missing(is_given, "value for the required variable", name);
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
