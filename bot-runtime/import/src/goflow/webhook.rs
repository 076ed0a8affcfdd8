//! Calls of services.

use serde_json::{Map, Value as Json, json};

use super::{
    Flow,
    context::Scope,
    template::{template, value},
};
use crate::{
    build::{Chain, value_tag},
    report::Notes,
    text,
};

/// Adds a call and keeps its answer as `webhook`, and as a result where the action names one.
pub(super) fn call<'f>(flow: &mut Flow<'f, '_>, chain: &mut Chain<'_>, place: String, action: &'f Json) {
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, place, "call_webhook");
    let scope = &mut flow.scope;
    let method = match text(action, "method") {
        "HEAD" => {
            notes.changed("HEAD is sent as GET");
            "GET"
        }
        method => method,
    };
    let body = text(action, "body");
    let has_body = method != "GET" && !body.is_empty();
    if !has_body && !body.is_empty() {
        notes.changed("a call with the method GET has no body here");
    }
    let mut data = json!({ "method": method, "url": template(scope, &mut notes, text(action, "url")) });
    let mut headers = Map::new();
    let mut content_type = "application/json".to_owned();
    for (header, content) in action.get("headers").and_then(Json::as_object).into_iter().flatten() {
        let content = content.as_str().unwrap_or_default();
        match header.to_ascii_lowercase().as_str() {
            "host" | "content-length" | "connection" | "transfer-encoding" | "accept-encoding" => {
                notes.changed(format!("the header `{header}` is set by the program"));
            }
            "content-type" if has_body => content.clone_into(&mut content_type),
            _ => {
                headers.insert(header.clone(), json!(template(scope, &mut notes, content)));
            }
        }
    }
    if !headers.is_empty() {
        data["headers"] = Json::Object(headers);
    }
    if has_body {
        data["body"] = json!(template(scope, &mut notes, body));
        data["content_type"] = json!(content_type);
    }
    let webhook = scope.variable("webhook", "object");
    let answer =
        "object(\"status\", response.status, \"headers\", response.headers, \"json\", response.body)";
    data["save"] = json!({ webhook.as_str(): answer });
    let id = chain.branch("api_call", data);
    let (answered, refused, failed) =
        ((id.clone(), "next".to_owned()), (id.clone(), "failed".to_owned()), (id, "error".to_owned()));
    chain.tails = vec![failed];
    // Nobody answered: there is no status, and what the last call got is not this one's.
    chain.push("set_variable", json!({ "name": webhook, "value": { "status": 0 } }), &["next"]);
    let after_failure = std::mem::take(&mut chain.tails);
    let result = text(action, "result_name");
    if result.is_empty() {
        chain.tails = [vec![answered, refused], after_failure].concat();
    } else {
        chain.tails = vec![answered];
        keep(scope, chain, result, "Success", &webhook);
        let after_success = std::mem::take(&mut chain.tails);
        chain.tails = [vec![refused], after_failure].concat();
        keep(scope, chain, result, "Failure", &webhook);
        chain.tails.extend(after_success);
    }
    notes.done();
}

fn keep(scope: &mut Scope<'_>, chain: &mut Chain<'_>, name: &str, category: &str, webhook: &str) {
    let variable = scope.result(name);
    let result = json!({
        "name": name,
        "value": format!("{{{{ {webhook}.status }}}}"),
        "category": category,
        "category_localized": category,
        "input": "",
        "extra": value_tag(&format!("{webhook}.json")),
    });
    chain.push("set_variable", json!({ "name": variable, "value": result }), &["next", "error"]);
}

/// Adds a question for a model.
pub(super) fn ask_model<'f>(flow: &mut Flow<'f, '_>, chain: &mut Chain<'_>, place: String, action: &'f Json) {
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, place, "call_llm");
    notes.changed("it is answered by the bot's own agent");
    let scope = &mut flow.scope;
    let instructions = template(scope, &mut notes, text(action, "instructions"));
    let input = value(scope, &mut notes, text(action, "input"));
    let output = match text(action, "output_local") {
        "" => "_llm_output",
        output => output,
    };
    let variable = scope.local(output);
    let prompt = format!("{instructions}\n\n{input}");
    let data = json!({ "prompt": prompt, "variable": variable, "say": false });
    let id = chain.push("ai_response", data, &["next"]);
    let answered = std::mem::take(&mut chain.tails);
    chain.tails = vec![(id, "error".to_owned())];
    chain.push("set_variable", json!({ "name": variable, "value": "<ERROR>" }), &["next"]);
    chain.tails.extend(answered);
    notes.done();
}
