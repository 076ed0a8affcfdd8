//! What is wrong with a definition, each thing with the place it belongs to.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong. Serialises for `bot_flows.validation_report` and the editor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which rule is broken.
    pub code: Code,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The edge it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// The variable it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What is wrong, for the author.
    pub message: String,
}

/// The rules of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not of the documented shape: a missing or unknown field, a wrong type, a bad template or expression.
    Malformed,
    /// More nodes, edges, variables or bytes than allowed.
    TooLarge,
    /// Two nodes, edges or variables share a name, or two edges leave by one port.
    Duplicate,
    /// An edge or a `goto` names a node that does not exist.
    UnknownNode,
    /// An edge leaves by a port that its node does not have.
    UnknownPort,
    /// There is not exactly one start node.
    Start,
    /// An edge leads into the start node.
    StartEntered,
    /// A node that no path from the start reaches.
    Unreachable,
    /// A port of a branching node leads nowhere.
    OpenPort,
    /// A cycle on which no node waits.
    EndlessCycle,
    /// A variable that is used and not declared.
    UndeclaredVariable,
    /// A flow, agent, intent or other thing that is used and not there.
    MissingReference,
    /// A secret that somebody would get to see.
    SecretShown,
}

impl Code {
    /// Whether a draft with this problem can still be run in a test.
    pub const fn runs_as_draft(self) -> bool {
        match self {
            Self::Malformed
            | Self::TooLarge
            | Self::Duplicate
            | Self::UnknownNode
            | Self::UnknownPort
            | Self::SecretShown
            | Self::Start => false,
            Self::StartEntered
            | Self::Unreachable
            | Self::OpenPort
            | Self::EndlessCycle
            | Self::UndeclaredVariable
            | Self::MissingReference => true,
        }
    }
}

impl Problem {
    /// About the whole flow.
    pub(crate) fn flow(code: Code, message: impl Into<String>) -> Self {
        Self { code, node: None, edge: None, variable: None, message: message.into() }
    }

    /// About a node.
    pub(crate) fn node(code: Code, node: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { node: Some(node.to_string()), ..Self::flow(code, message) }
    }

    /// About an edge, which belongs to the node it leaves.
    pub(crate) fn edge(code: Code, edge: &str, source: &str, message: impl Into<String>) -> Self {
        let edge = Some(edge.to_owned()).filter(|edge| !edge.is_empty());
        Self { edge, ..Self::node(code, source, message) }
    }

    /// About a variable.
    pub(crate) fn variable(code: Code, variable: &str, message: impl Into<String>) -> Self {
        Self { variable: Some(variable.to_owned()), ..Self::flow(code, message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, place) in [("node", &self.node), ("edge", &self.edge), ("variable", &self.variable)] {
            if let Some(place) = place {
                write!(f, "{kind} `{place}`: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
