//! Integrations: calls of services, mails, models.

use serde_json::{Map, Value as Json, json};

use super::{Here, template::template};
use crate::{build::Chain, items, report::Notes, text};

/// Blocks of models that answer messages.
const MODELS: [&str; 11] = [
    "OpenAI",
    "openai",
    "anthropic",
    "mistral",
    "groq",
    "together-ai",
    "open-router",
    "deepseek",
    "perplexity",
    "dify-ai",
    "gemini",
];

/// Adds an integration. False if there is nothing like it.
pub(super) fn integration(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) -> bool {
    match text(here.block, "type") {
        "Webhook" | "HTTP request" | "Zapier" | "Make.com" | "Pabbly" => call(here, chain, notes),
        "Email" => email(here, chain, notes),
        kind if MODELS.contains(&kind) => model(here, chain, notes),
        _ => return false,
    }
    true
}

fn call(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    // Older exports keep the calls beside the groups.
    let listed = items(here.source.document, "webhooks")
        .iter()
        .find(|webhook| text(webhook, "id") == text(here.block, "webhookId"));
    let own = Some(here.option("webhook")).filter(|webhook| webhook.is_object());
    let Some(webhook) = own.or(listed).filter(|webhook| !text(webhook, "url").is_empty()) else {
        return notes.changed("it has no address to call, and is passed over");
    };
    let method = match text(webhook, "method") {
        "" => "POST",
        method @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE") => method,
        other => return notes.not_supported(format!("the method `{other}`; the call is left out")),
    };
    let mut data = json!({ "method": method, "url": template(here.source, notes, text(webhook, "url")) });
    for (theirs, ours) in [("queryParams", "query"), ("headers", "headers")] {
        let mut pairs = Map::new();
        for pair in items(webhook, theirs).iter().filter(|pair| !text(pair, "key").is_empty()) {
            pairs.insert(
                text(pair, "key").to_owned(),
                json!(template(here.source, notes, text(pair, "value"))),
            );
        }
        if !pairs.is_empty() {
            data[ours] = Json::Object(pairs);
        }
    }
    let body = text(webhook, "body");
    if method != "GET" && !body.trim().is_empty() {
        data["body"] = json!(template(here.source, notes, body));
        if data["headers"]
            .as_object()
            .is_none_or(|all| !all.keys().any(|name| name.eq_ignore_ascii_case("content-type")))
        {
            data["content_type"] = json!("application/json");
        }
    } else if method != "GET" && here.option("isCustomBody").as_bool() != Some(true) {
        notes.changed("all answers are not sent along; write the body that the service needs");
    }
    if let Some(seconds) = here.option("timeout").as_u64() {
        data["timeout_seconds"] = json!(seconds.clamp(1, 25));
    }
    let mut save = Map::new();
    for mapping in items(here.option_json(), "responseVariableMapping") {
        let Some(variable) = here.source.variable(text(mapping, "variableId")) else { continue };
        let path = text(mapping, "bodyPath");
        match response(path) {
            Some(expression) => {
                save.insert(variable.to_owned(), json!(expression));
            }
            None => notes.not_supported(format!("the path `{path}` into the answer")),
        }
    }
    if !save.is_empty() {
        data["save"] = Json::Object(save);
    }
    chain.push("api_call", data, &["next", "failed", "error"]);
}

impl Here<'_> {
    fn option_json(&self) -> &Json {
        self.block.get("options").unwrap_or(&Json::Null)
    }
}

/// A path into the answer: `data` is the body, `statusCode` the status.
fn response(path: &str) -> Option<String> {
    let expression = match path.trim() {
        "statusCode" => "response.status".to_owned(),
        "data" | "" => "response.body".to_owned(),
        path => {
            let path = path.strip_prefix("data").unwrap_or(path);
            let point = if path.starts_with(['.', '[']) { "" } else { "." };
            format!("response.body{point}{path}")
        }
    };
    botbuilder_flow::expression::Expression::parse(&expression).ok().map(|_| expression)
}

fn email(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    let subject = template(here.source, notes, here.option_text("subject"));
    let body = template(here.source, notes, here.option_text("body"));
    if here.option("isBodyCode").as_bool() == Some(true) {
        notes.changed("the mail is sent as a text, its tags with it");
    }
    if here.option("isCustomBody").as_bool() != Some(true) && body.is_empty() {
        notes.changed("all answers are not put into the mail; write what it should say");
    }
    let options = here.option_json();
    let recipients = ["recipients", "cc", "bcc"].into_iter().flat_map(|list| items(options, list));
    for recipient in recipients.filter_map(Json::as_str) {
        let to = template(here.source, notes, recipient);
        chain.push("email", json!({ "to": to, "subject": subject, "text": body }), &["next", "error"]);
    }
    if chain.is_empty() {
        notes.changed("it goes to nobody");
    }
}

/// A question for a model: the texts of its messages, one behind the other.
fn model(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    notes.changed("it is answered by the bot's own agent");
    let options = here.option_json();
    let mut lines = Vec::new();
    for message in items(options, "messages") {
        let content = text(message, "content");
        if !content.is_empty() {
            lines.push(template(here.source, notes, content));
        }
        let dialogue = text(message, "dialogueVariableId");
        if let Some(variable) = here.source.variable(dialogue) {
            lines.push(format!("{{{{ join({variable}, \"\\n\") }}}}"));
        }
    }
    for field in ["prompt", "query", "message"] {
        if let Some(content) = options.get(field).and_then(Json::as_str).filter(|content| !content.is_empty())
        {
            lines.push(template(here.source, notes, content));
        }
    }
    let mut data = json!({ "say": false });
    if !lines.is_empty() {
        data["prompt"] = json!(lines.join("\n\n"));
    }
    let mappings = items(options, "responseMapping").iter().find_map(|mapping| {
        let wanted = ["Message content", "Message", "Answer", "Text", ""].contains(&text(mapping, "item"))
            || ["Message content", "Message"].contains(&text(mapping, "valueToExtract"));
        here.source.variable(text(mapping, "variableId")).filter(|_| wanted)
    });
    match mappings {
        Some(variable) => data["variable"] = json!(variable),
        None => data["say"] = json!(true),
    }
    chain.push("ai_response", data, &["next", "error"]);
}
