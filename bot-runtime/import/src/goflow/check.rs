//! What must hold for actions, waits and tests, and for what they refer to.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::source::{Faults, NAME_MAX, Source};
use crate::{Fault, items, text};

/// The kinds of actions, each with the fields that must be there.
const ACTIONS: [(&str, &[&str]); 26] = [
    ("add_contact_groups", &["groups"]),
    ("add_contact_urn", &["scheme", "path"]),
    ("add_input_labels", &["labels"]),
    ("call_classifier", &["classifier", "input"]),
    ("call_llm", &["llm", "instructions"]),
    ("call_resthook", &["resthook"]),
    ("call_webhook", &["url", "method"]),
    ("enter_flow", &["flow"]),
    ("open_ticket", &[]),
    ("play_audio", &["audio_url"]),
    ("remove_contact_groups", &[]),
    ("request_optin", &["optin"]),
    ("say_msg", &["text"]),
    ("send_broadcast", &["text"]),
    ("send_email", &["addresses", "subject", "body"]),
    ("send_msg", &["text"]),
    ("set_contact_channel", &[]),
    ("set_contact_field", &["field"]),
    ("set_contact_language", &[]),
    ("set_contact_name", &[]),
    ("set_contact_status", &["status"]),
    ("set_contact_timezone", &[]),
    ("set_run_local", &["local", "operation"]),
    ("set_run_result", &["name"]),
    ("start_session", &[]),
    ("transfer_airtime", &["amounts"]),
];
/// What only a call can do.
const OF_VOICE: [&str; 2] = ["say_msg", "play_audio"];
/// What needs a network.
const ONLINE: [&str; 6] =
    ["call_classifier", "call_llm", "call_resthook", "call_webhook", "open_ticket", "transfer_airtime"];
/// The tests of cases, each with how many arguments it takes at least and at most.
const TESTS: [(&str, usize, usize); 31] = [
    ("has_all_words", 1, 1),
    ("has_any_word", 1, 1),
    ("has_beginning", 1, 1),
    ("has_category", 1, 100),
    ("has_date", 0, 0),
    ("has_date_eq", 1, 1),
    ("has_date_gt", 1, 1),
    ("has_date_lt", 1, 1),
    ("has_district", 0, 1),
    ("has_email", 0, 0),
    ("has_error", 0, 0),
    ("has_group", 1, 2),
    ("has_intent", 2, 2),
    ("has_number", 0, 0),
    ("has_number_between", 2, 2),
    ("has_number_eq", 1, 1),
    ("has_number_gt", 1, 1),
    ("has_number_gte", 1, 1),
    ("has_number_lt", 1, 1),
    ("has_number_lte", 1, 1),
    ("has_only_phrase", 1, 1),
    ("has_only_text", 1, 1),
    ("has_pattern", 1, 1),
    ("has_phone", 0, 1),
    ("has_phrase", 1, 1),
    ("has_state", 0, 0),
    ("has_text", 0, 0),
    ("has_time", 0, 0),
    ("has_top_intent", 2, 2),
    ("has_value", 0, 0),
    ("has_ward", 0, 2),
];

/// What is wrong with an action.
pub(super) fn action(action: &Json, index: usize, flow_kind: &str, faults: &mut Faults<'_>) {
    if !action.is_object() {
        faults.add(format!("`actions[{index}]` is not an object"));
        return;
    }
    let kind = text(action, "type");
    let Some((_, required)) = ACTIONS.iter().find(|(known, _)| *known == kind) else {
        faults.add(format!("`{kind}` is no type of action"));
        return;
    };
    for field in *required {
        let is_missing = match action.get(*field) {
            None | Some(Json::Null) => true,
            // A message may be a template or a file alone.
            Some(Json::String(text)) if *field == "text" => {
                text.is_empty()
                    && items(action, "attachments").is_empty()
                    && action.get("template").is_none_or(Json::is_null)
            }
            Some(Json::String(text)) => text.is_empty(),
            Some(Json::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        if is_missing {
            faults.add(format!("the action `{kind}` has no `{field}`"));
        }
    }
    if OF_VOICE.contains(&kind) && flow_kind != "voice" {
        faults.add(format!("the action `{kind}` is not allowed in a flow of the type `{flow_kind}`"));
    }
    if ONLINE.contains(&kind) && flow_kind == "messaging_offline" {
        faults.add(format!("the action `{kind}` is not allowed in a flow of the type `{flow_kind}`"));
    }
    if kind == "call_webhook" {
        webhook(action, faults);
    }
    for (what, name) in references(action) {
        if text(name, "name").chars().count() > NAME_MAX {
            faults.add(format!("the action `{kind}` names a {what} by more than {NAME_MAX} characters"));
        }
    }
}

fn webhook(action: &Json, faults: &mut Faults<'_>) {
    let method = text(action, "method");
    if !["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].contains(&method) {
        faults.add(format!("`{method}` is no method of a webhook"));
    }
    let is_token = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let headers = action.get("headers").and_then(Json::as_object).into_iter().flatten();
    for (name, _) in headers.filter(|(name, _)| !is_token(name)) {
        faults.add(format!("`{name}` is no header"));
    }
}

/// What is wrong with a wait.
pub(super) fn wait(wait: &Json, flow_kind: &str, faults: &mut Faults<'_>) {
    let kind = text(wait, "type");
    let allowed = match kind {
        "msg" => flow_kind != "messaging_background",
        "dial" => flow_kind == "voice",
        _ => {
            faults.add(format!("`{kind}` is no type of wait"));
            return;
        }
    };
    if !allowed {
        faults.add(format!("a wait of the type `{kind}` is not allowed in a flow of the type `{flow_kind}`"));
    }
}

/// What is wrong with the number of arguments of a test.
pub(super) fn arguments(kind: &str, count: usize, faults: &mut Faults<'_>) {
    match TESTS.iter().find(|(known, _, _)| *known == kind) {
        None => faults.add(format!("`{kind}` is no type of case")),
        Some((_, least, most)) if !(*least..=*most).contains(&count) => {
            faults.add(format!("a case of the type `{kind}` has {count} arguments"));
        }
        Some(_) => {}
    }
}

/// What an action refers to: the kind of thing, and how it names it.
fn references(action: &Json) -> Vec<(&'static str, &Json)> {
    let mut found = Vec::new();
    for (list, what) in [("groups", "group"), ("labels", "label")] {
        found.extend(items(action, list).iter().map(|item| (what, item)));
    }
    for (field, what) in [
        ("flow", "flow"),
        ("channel", "channel"),
        ("classifier", "classifier"),
        ("llm", "model"),
        ("topic", "topic"),
        ("optin", "opt-in"),
        ("template", "template"),
    ] {
        found.extend(action.get(field).filter(|item| item.is_object()).map(|item| (what, item)));
    }
    let templating = action.get("templating").and_then(|templating| templating.get("template"));
    found.extend(templating.map(|template| ("template", template)));
    found
}

/// What the flows refer to that the document does not hold.
pub(super) fn completeness(document: &Json, flows: &[Source<'_>], faults: &mut Vec<Fault>) {
    let ids = |list: &str| -> BTreeSet<&str> {
        items(document, list).iter().map(|item| text(item, "uuid")).collect()
    };
    let flow_ids: BTreeSet<&str> = flows.iter().map(|flow| flow.uuid).collect();
    let lists = [
        ("group", ids("groups")),
        ("label", ids("labels")),
        ("flow", flow_ids),
        ("channel", ids("channels")),
        ("classifier", ids("classifiers")),
        ("model", ids("llms")),
        ("topic", ids("topics")),
        ("opt-in", ids("optins")),
        ("template", ids("templates")),
    ];
    for flow in flows {
        for node in &flow.nodes {
            for (what, reference) in node.actions.iter().flat_map(|action| references(action)) {
                let uuid = text(reference, "uuid");
                let known = lists.iter().find(|(kind, _)| *kind == what).map(|(_, ids)| ids);
                // What is found by its name when the flow runs is not looked for here.
                if uuid.is_empty() || known.is_none_or(|ids| ids.contains(uuid)) {
                    continue;
                }
                let message =
                    format!("the {what} `{}` ({uuid}) is not in the document", text(reference, "name"));
                faults.push(Fault { flow: flow.name.to_owned(), node: Some(node.uuid.to_owned()), message });
            }
        }
    }
}
