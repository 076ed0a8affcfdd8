//! The importers, with flows of our own in the formats of the others.

mod any_json;
mod goflow;
mod platform;
mod suites;
mod typebot;

use botbuilder_flow::{Flow, Problem};
use botbuilder_import::{Import, Outcome};
use serde_json::Value as Json;

/// A document of `testdata`.
fn document(name: &str) -> Json {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What keeps the flows of an import from being published.
fn problems(import: &Import) -> Vec<Problem> {
    import.flows.iter().flat_map(|flow| Flow::draft(&flow.definition).1).collect()
}

/// The lines of a report with that outcome.
fn lines(import: &Import, outcome: Outcome) -> Vec<String> {
    let lines = import.report.lines.iter().filter(|line| line.outcome == outcome);
    lines.map(ToString::to_string).collect()
}
