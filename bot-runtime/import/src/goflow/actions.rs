//! The actions of a node.

use serde_json::{Value as Json, json};

use super::{
    Flow,
    context::Scope,
    message,
    source::Node,
    template::{is_dynamic, template, value},
    webhook,
};
use crate::{
    build::{Chain, quoted, value_tag},
    items,
    report::Notes,
    text,
};

/// Adds an action. False if nothing comes after it.
pub(super) fn action<'f>(
    flow: &mut Flow<'f, '_>,
    chain: &mut Chain<'_>,
    node: &Node<'_>,
    number: usize,
    action: &'f Json,
) -> bool {
    let (kind, uuid) = (text(action, "type"), text(action, "uuid"));
    let place = match uuid {
        "" => format!("{}/actions[{number}]", node.uuid),
        uuid => format!("{}/{uuid}", node.uuid),
    };
    match kind {
        "send_msg" | "say_msg" => message::say(flow, chain, place, action),
        "call_webhook" => webhook::call(flow, chain, place, action),
        "call_llm" => webhook::ask_model(flow, chain, place, action),
        "enter_flow" => return enter(flow, chain, place, action),
        _ => {
            let name = flow.name();
            let mut notes = Notes::about(flow.report, &name, place, kind);
            match kind {
                "open_ticket" => ticket(&mut notes, chain, action),
                "set_run_result" => set_result(&mut flow.scope, &mut notes, chain, action),
                "set_run_local" => set_local(&mut flow.scope, &mut notes, chain, action),
                "add_contact_groups" | "remove_contact_groups" => {
                    groups(&mut flow.scope, &mut notes, chain, action, kind == "add_contact_groups");
                }
                "send_email" => {
                    let subject = translated(flow.translations, uuid, "subject", text(action, "subject"));
                    let body = translated(flow.translations, uuid, "body", text(action, "body"));
                    email(&mut flow.scope, &mut notes, chain, items(action, "addresses"), subject, body);
                }
                _ => contact(&mut flow.scope, &mut notes, chain, action, kind),
            }
            notes.done();
            return kind != "open_ticket";
        }
    }
    true
}

fn translated<'f>(translations: Option<&'f Json>, uuid: &str, property: &str, own: &'f str) -> &'f str {
    let found = translations.and_then(|all| all.get(uuid)?.get(property)?.get(0)?.as_str());
    found.filter(|text| !text.is_empty()).unwrap_or(own)
}

/// Calls another flow. False where it does not come back.
fn enter<'f>(flow: &mut Flow<'f, '_>, chain: &mut Chain<'_>, place: String, action: &'f Json) -> bool {
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, place, "enter_flow");
    let called = action.get("flow").map(|flow| text(flow, "uuid")).unwrap_or_default();
    let terminal = action.get("terminal").and_then(Json::as_bool) == Some(true);
    let id = chain.push("call_flow", json!({ "flow": called }), &["next"]);
    flow.calls.push((id.clone(), called.to_owned()));
    if terminal {
        chain.tails.push((id, "error".to_owned()));
    } else {
        let came_back = std::mem::take(&mut chain.tails);
        let status = flow.scope.variable("child_status", "string");
        let mut ends = Vec::new();
        for (exits, word) in [(came_back, "completed"), (vec![(id, "error".to_owned())], "failed")] {
            chain.tails = exits;
            chain.push("set_variable", json!({ "name": status, "value": word }), &["next"]);
            ends.append(&mut chain.tails);
        }
        chain.tails = ends;
    }
    notes.changed("a flow that is called cannot expire by itself: the whole conversation does");
    notes.done();
    !terminal
}

fn ticket(notes: &mut Notes<'_>, chain: &mut Chain<'_>, action: &Json) {
    notes.changed("the conversation is handed over and the flow ends; what comes behind it is left out");
    let note = ["note", "body"].into_iter().map(|field| text(action, field)).find(|note| !note.is_empty());
    let data = match note.filter(|note| !is_dynamic(note)) {
        Some(note) => json!({ "note": crate::build::literal(note) }),
        None => json!({}),
    };
    chain.branch("handoff", data);
}

fn set_result(scope: &mut Scope<'_>, notes: &mut Notes<'_>, chain: &mut Chain<'_>, action: &Json) {
    let (name, category) = (text(action, "name"), text(action, "category"));
    let variable = scope.result(name);
    let kept = template(scope, notes, text(action, "value"));
    let category = template(scope, notes, category);
    let result = json!({
        "name": name,
        "value": kept,
        "category": category,
        "category_localized": category,
        "input": "",
    });
    chain.push("set_variable", json!({ "name": variable, "value": result }), &["next"]);
}

fn set_local(scope: &mut Scope<'_>, notes: &mut Notes<'_>, chain: &mut Chain<'_>, action: &Json) {
    let variable = scope.local(text(action, "local"));
    let given = template(scope, notes, text(action, "value"));
    let value = match text(action, "operation") {
        "clear" => Json::Null,
        "increment" => {
            let step: f64 = text(action, "value").trim().parse().unwrap_or(f64::NAN);
            if step.is_nan() {
                notes.changed("it is counted up by one");
            }
            let step = if step.is_nan() { 1.0 } else { step };
            json!(value_tag(&format!("default(number({variable}), 0) + {step}")))
        }
        _ => json!(given),
    };
    chain.push("set_variable", json!({ "name": variable, "value": value }), &["next"]);
}

/// Groups are tags, and what the flow knows of them is in a variable.
fn groups(scope: &mut Scope<'_>, notes: &mut Notes<'_>, chain: &mut Chain<'_>, action: &Json, add: bool) {
    if action.get("all_groups").and_then(Json::as_bool) == Some(true) {
        notes.changed("the flow forgets all groups, but the contact keeps the tags");
        let variable = scope.groups();
        chain.push("set_variable", json!({ "name": variable, "value": {} }), &["next"]);
        return;
    }
    let mut tags = Vec::new();
    for group in items(action, "groups") {
        let (uuid, name) = (text(group, "uuid"), text(group, "name"));
        if uuid.is_empty() {
            tags.push(template(scope, notes, text(group, "name_match")));
            continue;
        }
        tags.push(crate::build::literal(name));
        let variable = scope.groups();
        let value = format!("{{{{ merge({variable}, object({}, {add})) }}}}", quoted(uuid));
        chain.push("set_variable", json!({ "name": variable, "value": value }), &["next"]);
    }
    tags.retain(|tag| !tag.is_empty());
    for tags in tags.chunks(20) {
        let field = if add { "add" } else { "remove" };
        chain.push("tag_contact", json!({ field: tags }), &["next", "error"]);
    }
}

fn email(
    scope: &mut Scope<'_>,
    notes: &mut Notes<'_>,
    chain: &mut Chain<'_>,
    addresses: &[Json],
    subject: &str,
    body: &str,
) {
    let (subject, body) = (template(scope, notes, subject), template(scope, notes, body));
    for address in addresses.iter().filter_map(Json::as_str) {
        let to = template(scope, notes, address);
        // An address of a contact comes with what it is: `mailto:`.
        let to = if address.starts_with("@urns.") {
            to.replace(" }}", " | replace(\"mailto:\", \"\") }}")
        } else {
            to
        };
        let data = json!({ "to": to, "subject": subject, "text": body });
        chain.push("email", data, &["next", "error"]);
    }
}

/// What is known of the contact, and what only their program has.
fn contact(scope: &mut Scope<'_>, notes: &mut Notes<'_>, chain: &mut Chain<'_>, action: &Json, kind: &str) {
    let mut set = |variable: String, value: String| {
        chain.push("set_variable", json!({ "name": variable, "value": value }), &["next"]);
    };
    match kind {
        "set_contact_field" => {
            let key = action.get("field").map(|field| text(field, "key")).unwrap_or_default();
            let variable = scope.field(key);
            let given = value(scope, notes, text(action, "value"));
            set(variable, given);
        }
        "set_contact_name" => {
            let variable = scope.variable("contact_name", "string");
            let given = template(scope, notes, text(action, "name"));
            notes.changed("the name is kept for the conversation; the contact's own stays");
            set(variable, given);
        }
        "set_contact_language" => {
            let variable = scope.variable("contact_language", "string");
            let given = template(scope, notes, text(action, "language"));
            notes.changed("the language is kept in a variable; the flow goes on in its own");
            set(variable, given);
        }
        "set_contact_timezone" => {
            let variable = scope.variable("contact_timezone", "string");
            let given = template(scope, notes, text(action, "timezone"));
            notes.changed("the time zone is kept in a variable; the flow's clock stays");
            set(variable, given);
        }
        "add_contact_urn" => {
            let variable =
                scope.variable(&crate::build::variable_name("urn_", text(action, "scheme")), "string");
            let given = template(scope, notes, text(action, "path"));
            notes.changed("the address is kept for the conversation; the contact's identities stay");
            set(variable, format!("{}:{given}", text(action, "scheme")));
        }
        "add_input_labels" => notes.not_supported("messages have no labels here"),
        "call_classifier" => notes.not_supported("use an `nlu_router` with the bot's own intents"),
        "call_resthook" => notes.not_supported("its subscribers are not in the flow; use a `webhook`"),
        "play_audio" => notes.not_supported("calls are not held by flows of messages"),
        "request_optin" => notes.not_supported("there are no opt-ins here"),
        "send_broadcast" => {
            notes.not_supported("a flow writes to its own contact; use `POST /v1/messages/batch`");
        }
        "set_contact_channel" => notes.not_supported("a conversation stays on its channel"),
        "set_contact_status" => notes.not_supported("contacts are not blocked by flows"),
        "start_session" => notes.not_supported("a flow does not start conversations of others"),
        "transfer_airtime" => notes.not_supported("there is no transfer of airtime"),
        _ => notes.not_supported("there is nothing like it"),
    }
}
