//! What flows hand each other: what is known of the contact goes both ways, results are read by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::Built;
use crate::{Report, build::variable_name, report::Notes};

/// Most names of one call, each way.
const NAMES_MAX: usize = 50;

/// Whether a variable belongs to the contact, and so to every flow.
fn is_shared(name: &str) -> bool {
    ["field_", "contact_", "urn_"].iter().any(|prefix| name.starts_with(prefix))
        || ["trigger_params", "trigger_type", "trigger_keyword"].contains(&name)
}

/// Fills the calls. A flow declares what the flows it calls know of the contact, through any number of calls.
pub(super) fn connect(flows: &mut [Built<'_>], report: &mut Report) {
    let places: BTreeMap<String, usize> =
        flows.iter().enumerate().map(|(index, flow)| (flow.source.uuid.to_owned(), index)).collect();
    let calls: Vec<BTreeSet<usize>> = flows
        .iter()
        .map(|flow| flow.calls.iter().filter_map(|(_, called)| places.get(called).copied()).collect())
        .collect();
    // Each round carries names one call further.
    for _ in 0..flows.len() {
        let mut changed = false;
        for caller in 0..flows.len() {
            for called in &calls[caller] {
                let shared: Vec<(String, &'static str)> = flows[*called]
                    .scope
                    .variables
                    .iter()
                    .filter(|(name, _)| is_shared(name))
                    .map(|(name, kind)| (name.clone(), *kind))
                    .collect();
                for (name, kind) in shared {
                    changed |= flows[caller].scope.variables.insert(name, kind).is_none();
                }
            }
        }
        if !changed {
            break;
        }
    }
    for caller in 0..flows.len() {
        for (node, called) in flows[caller].calls.clone() {
            let name = flows[caller].source.name;
            let mut notes = Notes::about(report, name, node.clone(), "enter_flow");
            let Some(called) = places.get(&called).map(|index| &flows[*index]) else {
                notes
                    .changed(format!("the flow {called} is not in the document; import it and name it here"));
                continue;
            };
            let (parameters, returns) = exchanged(&flows[caller], called);
            if parameters.len() > NAMES_MAX || returns.len() > NAMES_MAX {
                notes.changed(format!("only {NAMES_MAX} variables are handed over"));
            }
            let cut = |names: Map<_, _>| names.into_iter().take(NAMES_MAX).collect::<Map<_, _>>();
            let (parameters, returns) = (cut(parameters), cut(returns));
            flows[caller].builder.amend(&node, &json!({ "parameters": parameters, "returns": returns }));
        }
    }
}

fn exchanged(
    caller: &Built<'_>,
    called: &Built<'_>,
) -> (Map<String, serde_json::Value>, Map<String, serde_json::Value>) {
    let (mut parameters, mut returns) = (Map::new(), Map::new());
    let mine = &caller.scope.variables;
    if called.scope.variables.contains_key("called") {
        parameters.insert("called".to_owned(), json!("{{ true }}"));
    }
    for key in &called.scope.parent_results {
        let result = variable_name("result_", key);
        if mine.contains_key(&result) {
            parameters.insert(variable_name("parent_result_", key), json!(format!("{{{{ {result} }}}}")));
        }
    }
    for key in &caller.scope.child_results {
        let result = variable_name("result_", key);
        if called.scope.variables.contains_key(&result) {
            returns.insert(variable_name("child_result_", key), json!(result));
        }
    }
    for name in called.scope.variables.keys().filter(|name| is_shared(name)) {
        parameters.insert(name.clone(), json!(format!("{{{{ {name} }}}}")));
        returns.insert(name.clone(), json!(name));
    }
    (parameters, returns)
}
