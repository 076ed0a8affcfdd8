//! Flows of other programs, read into definitions of ours, each with a report of what became of each part.
//!
//! | Module | Reads |
//! | --- | --- |
//! | [`goflow`] | flows of `RapidPro`, `TextIt` and their engine, spec 13.0 to 14.4, alone, in an export, or as assets |
//! | [`typebot`] | exported typebots, versions 3 to 6.1 |
//! | [`platform`] | the canvas JSON of the BotBuilder platform: `nodes` and `edges` |
//!
//! The importers are written from the published formats. What they give can be saved as drafts; whether a draft can be
//! published is for [`botbuilder_flow::Flow::strict`] to say. `docs/importing.md` describes them for authors.

mod build;
pub mod conformance;
pub mod goflow;
pub mod platform;
mod report;
pub mod typebot;

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::Value as Json;

pub use report::{Line, Outcome, Report};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Flows of `RapidPro`, `TextIt` and their engine.
    Goflow,
    /// Exported typebots.
    Typebot,
    /// The canvas JSON of the BotBuilder platform.
    Platform,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Goflow, Self::Typebot, Self::Platform];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goflow => "goflow",
            Self::Typebot => "typebot",
            Self::Platform => "platform",
        }
    }

    /// The format of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The format that a document has by its looks.
    pub fn of(source: &Json) -> Option<Self> {
        let has = |name: &str| source.get(name).is_some_and(|value| !value.is_null());
        if has("groups") && has("edges") && (has("variables") || has("events") || has("typebotId")) {
            Some(Self::Typebot)
        } else if has("flows") || has("spec_version") {
            Some(Self::Goflow)
        } else if platform::definition(source).is_some() {
            Some(Self::Platform)
        } else {
            None
        }
    }
}

/// What is wanted of an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The language whose translations are taken, where the source has any, as it names it (`fra`); else its own.
    pub language: Option<String>,
    /// Refuses a source that uses what is not in it: groups, labels, templates, other flows.
    pub complete: bool,
}

/// One flow that was imported.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedFlow {
    /// Its id in the source. `call_flow` nodes of the other flows name it.
    pub source_id: String,
    /// Its name.
    pub name: String,
    /// The definition.
    pub definition: Json,
}

/// What came of an import.
#[derive(Debug, Clone, Serialize)]
pub struct Import {
    /// The format it was read as.
    pub format: Format,
    /// The flows, in the order of the source.
    pub flows: Vec<ImportedFlow>,
    /// What became of each part.
    pub report: Report,
}

impl Import {
    /// Gives the flows new ids: the `call_flow` nodes that name the old ones name the new ones instead.
    pub fn rename(&mut self, ids: &BTreeMap<String, String>) {
        let nodes =
            self.flows.iter_mut().filter_map(|flow| flow.definition["nodes"].as_array_mut()).flatten();
        for node in nodes.filter(|node| node["type"] == "call_flow") {
            let called = node["data"]["flow"].as_str().and_then(|old| ids.get(old));
            if let Some(new) = called.cloned() {
                node["data"]["flow"] = Json::String(new);
            }
        }
        for flow in &mut self.flows {
            if let Some(new) = ids.get(&flow.source_id) {
                flow.source_id.clone_from(new);
            }
        }
    }
}

/// One reason to refuse a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The flow, by name or id; empty where it is about the whole document.
    pub flow: String,
    /// The node, group or block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.flow.is_empty() {
            write!(f, "flow `{}`: ", self.flow)?;
        }
        if let Some(node) = &self.node {
            write!(f, "node `{node}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Why a source was not imported.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImportError {
    /// It looks like none of the formats.
    #[error("not a format that is known: expected flows of goflow, a typebot, or `nodes` and `edges`")]
    UnknownFormat,
    /// It is broken, or of a version that is not read. Everything that was found is named.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Fault>),
}

/// Imports a document of that format, or of the format that it looks like.
pub fn import(source: &Json, format: Option<Format>, options: &Options) -> Result<Import, ImportError> {
    match format.or_else(|| Format::of(source)).ok_or(ImportError::UnknownFormat)? {
        Format::Goflow => goflow::import(source, options),
        Format::Typebot => typebot::import(source, options),
        Format::Platform => platform::import(source),
    }
}

/// A field's text; empty where there is none.
pub(crate) fn text<'j>(json: &'j Json, field: &str) -> &'j str {
    json.get(field).and_then(Json::as_str).unwrap_or_default()
}

/// A field's items; none where it is no list.
pub(crate) fn items<'j>(json: &'j Json, field: &str) -> &'j [Json] {
    json.get(field).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}
