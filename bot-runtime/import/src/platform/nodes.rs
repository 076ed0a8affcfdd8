//! The nodes of a canvas, by the names that its editors use.
//!
//! | Types | Here |
//! | --- | --- |
//! | `message`, `text`, `sendMessage`, `bot_message`, `response` | `message` |
//! | `image`, `video`, `audio`, `file`, `document`, `media` | `message` with the file |
//! | `question`, `ask`, `input`, `user_input`, `capture`, `collect` | `question`, or `input` where a format is named |
//! | `menu`, `buttons`, `button`, `quick_replies`, `choice`, `options`, `list` | `menu` |
//! | `condition`, `if`, `branch`, `logic`, `decision` | `condition` |
//! | `switch`, `router` | `switch` |
//! | `set_variable`, `setVariable`, `assign`, `variable`, `action` with a variable | `set_variable` |
//! | `api_call`, `api`, `http`, `request`, `webhook`, `integration` | `api_call` |
//! | `ai_response`, `ai`, `llm`, `gpt`, `agent` | `ai_response` |
//! | `knowledge_answer`, `knowledge`, `kb`, `rag` | `knowledge_answer` |
//! | `delay`, `wait`, `pause` | `delay` |
//! | `email`, `send_email` | `email` |
//! | `tag`, `tag_contact`, `add_tag` | `tag_contact` |
//! | `handoff`, `human`, `transfer`, `live_agent`, `human_handoff` | `handoff` |
//! | `call_flow`, `subflow`, `flow` | `call_flow` |
//! | `goto`, `jump` | `goto` |
//! | `end`, `stop`, `finish`, `exit` | `end` |

use botbuilder_flow::{Code, Flow, template::Template};
use serde_json::{Map, Value as Json, json};

use super::{
    conditions::{condition, switch},
    source_id, word,
};
use crate::{
    build::{Builder, literal, variable_name},
    items,
    report::Notes,
    text,
};

/// A node as it is here.
pub(super) struct Read {
    pub(super) kind: &'static str,
    pub(super) data: Json,
    pub(super) ports: Vec<String>,
}

/// Our kinds.
const KINDS: [&str; 22] = [
    "message",
    "question",
    "menu",
    "input",
    "condition",
    "switch",
    "set_variable",
    "api_call",
    "webhook",
    "ai_response",
    "knowledge_answer",
    "nlu_router",
    "agent_workflow",
    "delay",
    "wait_for_event",
    "email",
    "tag_contact",
    "ab_split",
    "handoff",
    "call_flow",
    "goto",
    "end",
];
/// What editors keep in a node's data for themselves.
const OF_EDITOR: [&str; 12] = [
    "label",
    "description",
    "icon",
    "color",
    "selected",
    "category",
    "handles",
    "onChange",
    "isValid",
    "errors",
    "nodeType",
    "type",
];

/// The type of a node: its own, or the one in its data where its own only says how it is drawn.
pub(super) fn kind_of(node: &Json) -> String {
    let own = text(node, "type");
    let inner = node.get("data").map(|data| [text(data, "nodeType"), text(data, "type"), text(data, "kind")]);
    let inner = inner.into_iter().flatten().find(|kind| !kind.is_empty());
    match (own, inner) {
        ("" | "custom" | "customNode" | "default" | "flowNode", Some(inner)) => inner.to_owned(),
        ("", None) => "message".to_owned(),
        (own, _) => own.to_owned(),
    }
}

/// Whether a flow begins there.
pub(super) fn is_start(kind: &str) -> bool {
    matches!(plain(kind).as_str(), "start" | "trigger" | "begin" | "entry" | "startnode" | "triggernode")
}

/// A type's name without the ways of writing it: `sendMessageNode`, `send_message` and `send-message` are one.
fn plain(kind: &str) -> String {
    let plain: String =
        kind.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    match plain.strip_suffix("node") {
        Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
        _ => plain,
    }
}

/// Reads a node. One that is nothing here is passed over.
pub(super) fn read(builder: &mut Builder, node: &Json, notes: &mut Notes<'_>) -> Read {
    let kind = kind_of(node);
    let empty = json!({});
    let data = node.get("data").filter(|data| data.is_object()).unwrap_or(&empty);
    if let Some(ours) = KINDS.iter().find(|ours| **ours == kind) {
        let data = without_editor(data);
        if fits(ours, &data) {
            let data = if *ours == "goto" { json!({ "node": source_id(text(&data, "node")) }) } else { data };
            return Read { kind: ours, ports: ports(ours, &data), data };
        }
    }
    let read = by_name(builder, &plain(&kind), data, notes);
    match read {
        Some((kind, data)) if fits(kind, &data) => Read { kind, ports: ports(kind, &data), data },
        Some((kind, data)) => {
            notes.not_supported(format!("it is passed over: {}", problem(kind, &data)));
            passed_over()
        }
        None => {
            notes.not_supported("it is passed over: there is nothing like it");
            passed_over()
        }
    }
}

/// A node that does nothing but go on.
fn passed_over() -> Read {
    // A pause that is over as it begins.
    let data = json!({ "until": "{{ now() }}" });
    Read { kind: "delay", ports: ports("delay", &data), data }
}

fn without_editor(data: &Json) -> Json {
    let fields = data.as_object().into_iter().flatten();
    Json::Object(
        fields
            .filter(|(name, _)| !OF_EDITOR.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

/// What makes a node unreadable.
fn problem(kind: &str, data: &Json) -> String {
    let definition = json!({ "schema": 1, "edges": [], "nodes": [
        { "id": "start", "type": "start" }, { "id": "node", "type": kind, "data": data },
    ]});
    let (_, problems) = Flow::draft(&definition);
    let found = problems.into_iter().find(|problem| problem.code == Code::Malformed);
    found.map(|problem| problem.message).unwrap_or_default()
}

fn fits(kind: &str, data: &Json) -> bool {
    problem(kind, data).is_empty()
}

/// The ports of a node of ours.
fn ports(kind: &str, data: &Json) -> Vec<String> {
    let ids = |list: &str| items(data, list).iter().map(|item| text(item, "id").to_owned()).collect();
    let mut ports: Vec<String> = match kind {
        "menu" => ids("options"),
        "switch" => ids("cases"),
        "ab_split" => ids("variants"),
        "nlu_router" => items(data, "intents").iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let more: &[&str] = match kind {
        "menu" => &["other", "timeout"],
        "question" | "input" => &["next", "other", "timeout"],
        "switch" | "nlu_router" => &["other"],
        "condition" => &["true", "false"],
        "api_call" => &["next", "failed"],
        "knowledge_answer" => &["next", "not_found"],
        "delay" => &["next", "interrupted"],
        "wait_for_event" => &["next", "timeout", "interrupted"],
        "handoff" => &["unavailable"],
        "ab_split" | "goto" | "end" => &[],
        _ => &["next"],
    };
    ports.extend(more.iter().map(|port| (*port).to_owned()));
    ports
}

/// The first of these fields that has a text.
pub(super) fn first(data: &Json, fields: &[&str]) -> String {
    fields.iter().map(|field| word(data, field)).find(|text| !text.trim().is_empty()).unwrap_or_default()
}

/// A text with places to fill. One that cannot be read is taken as it stands.
fn template(notes: &mut Notes<'_>, source: &str) -> String {
    if Template::parse(source).is_ok() {
        return source.to_owned();
    }
    notes.changed("what stands between braces cannot be read, and is shown as it is");
    literal(source)
}

fn variable(builder: &mut Builder, data: &Json) -> Option<String> {
    let fields = [
        "variable",
        "variableName",
        "variable_name",
        "saveAs",
        "save_as",
        "saveTo",
        "outputVariable",
        "name",
    ];
    let name = first(data, &fields);
    (!name.is_empty()).then(|| {
        let name = variable_name("", name.trim_start_matches("{{").trim_end_matches("}}"));
        builder.variable(&name, "string", Json::Null);
        name
    })
}

fn by_name(
    builder: &mut Builder,
    kind: &str,
    data: &Json,
    notes: &mut Notes<'_>,
) -> Option<(&'static str, Json)> {
    let texts = ["text", "message", "content", "question", "prompt", "body", "label"];
    Some(match kind {
        "message" | "text" | "sendmessage" | "sendtext" | "botmessage" | "response" | "say" => {
            ("message", json!({ "text": template(notes, &first(data, &texts)) }))
        }
        "image" | "video" | "audio" | "file" | "document" | "media" => ("message", media(kind, data, notes)),
        "question" | "ask" | "input" | "userinput" | "capture" | "collect" | "collectinput" => {
            question(builder, data, notes)
        }
        "menu" | "button" | "buttons" | "quickreply" | "quickreplies" | "choice" | "options" | "list" => {
            let words = template(notes, &first(data, &texts));
            let mut menu = json!({ "text": words, "options": options(data) });
            if let Some(variable) = variable(builder, data) {
                menu["variable"] = json!(variable);
            }
            ("menu", menu)
        }
        "condition" | "if" | "branch" | "logic" | "decision" => {
            ("condition", json!({ "expression": condition(builder, data, notes) }))
        }
        "switch" | "router" => ("switch", switch(builder, data, notes)),
        "setvariable" | "assign" | "variable" | "setattribute" | "action" => {
            let name = variable(builder, data)?;
            let value =
                data.get("value").or_else(|| data.get("variableValue")).cloned().unwrap_or(Json::Null);
            let value = match value {
                Json::String(text) => json!(template(notes, &text)),
                other => other,
            };
            ("set_variable", json!({ "name": name, "value": value }))
        }
        "apicall" | "api" | "http" | "httprequest" | "request" | "webhook" | "integration" => {
            ("api_call", call(builder, data, notes))
        }
        "airesponse" | "ai" | "llm" | "gpt" | "openai" | "agent" | "aiagent" => {
            let mut ask = json!({});
            let prompt = first(data, &["prompt", "instructions", "systemPrompt", "message", "text"]);
            if !prompt.is_empty() {
                ask["prompt"] = json!(template(notes, &prompt));
            }
            if let Some(variable) = variable(builder, data) {
                ask["variable"] = json!(variable);
            }
            notes.changed("it is answered by the bot's own agent");
            ("ai_response", ask)
        }
        "knowledgeanswer" | "knowledge" | "knowledgebase" | "kb" | "rag" | "faq" => {
            notes.changed("it searches the bot's own knowledge bases");
            ("knowledge_answer", json!({}))
        }
        "delay" | "wait" | "pause" => ("delay", delay(data, notes)),
        "email" | "sendemail" => {
            let part = |notes: &mut Notes<'_>, fields: &[&str]| template(notes, &first(data, fields));
            let to = part(notes, &["to", "recipient", "email", "address"]);
            let subject = part(notes, &["subject", "title"]);
            (
                "email",
                json!({ "to": to, "subject": subject, "text": part(notes, &["text", "body", "content"]) }),
            )
        }
        "tag" | "tagcontact" | "addtag" | "removetag" => {
            let listed = items(data, "tags").iter().filter_map(Json::as_str).map(str::to_owned);
            let mut tags: Vec<String> = listed.collect();
            tags.extend(Some(first(data, &["tag", "name"])).filter(|tag| !tag.is_empty()));
            let field =
                if kind == "removetag" || text(data, "action") == "remove" { "remove" } else { "add" };
            ("tag_contact", json!({ field: tags }))
        }
        "handoff" | "human" | "humanhandoff" | "transfer" | "liveagent" | "agenthandoff" => {
            let words = first(data, &["text", "message"]);
            let text = if words.is_empty() { json!({}) } else { json!({ "text": template(notes, &words) }) };
            ("handoff", text)
        }
        "callflow" | "subflow" | "flow" => {
            let called = first(data, &["flow", "flowId", "flow_id", "subflowId", "targetFlow"]);
            notes.changed(format!("the flow `{called}` is to be imported too, and named here"));
            ("call_flow", json!({ "flow": called }))
        }
        "goto" | "jump" => {
            let target = first(data, &["node", "target", "targetNode", "nodeId", "target_node_id"]);
            ("goto", json!({ "node": source_id(&target) }))
        }
        "end" | "stop" | "finish" | "exit" => {
            let words = first(data, &["text", "message"]);
            if !words.is_empty() {
                notes.changed("its text is a message, behind which the flow ends");
                return Some(("message", json!({ "text": template(notes, &words) })));
            }
            ("end", json!({}))
        }
        _ => return None,
    })
}

fn media(kind: &str, data: &Json, notes: &mut Notes<'_>) -> Json {
    let kind = match (kind, first(data, &["mediaType", "media_type", "media"]).as_str()) {
        ("image", _) | (_, "image") => "image",
        ("video", _) | (_, "video") => "video",
        ("audio", _) | (_, "audio") => "audio",
        _ => "document",
    };
    let url = template(notes, &first(data, &["url", "mediaUrl", "media_url", "src", "imageUrl", "fileUrl"]));
    let mut content = json!({ "kind": "media", "media": kind, "url": url });
    let caption = first(data, &["caption", "text", "message"]);
    if !caption.is_empty() {
        content["caption"] = json!(template(notes, &caption));
    }
    json!({ "content": content })
}

fn question(builder: &mut Builder, data: &Json, notes: &mut Notes<'_>) -> (&'static str, Json) {
    let words = template(notes, &first(data, &["text", "question", "message", "prompt", "content", "label"]));
    let format =
        first(data, &["format", "inputType", "input_type", "validation", "answerType"]).to_lowercase();
    let format = match format.as_str() {
        "number" | "integer" => "number",
        "email" => "email",
        "phone" | "tel" => "phone",
        "url" => "url",
        "date" => "date",
        "time" => "time",
        "location" => "location",
        "file" | "image" => "file",
        "rating" => "rating",
        _ => "text",
    };
    let variable = variable(builder, data);
    let mut ours = json!({ "text": words });
    let retry =
        first(data, &["retry_text", "retryMessage", "errorMessage", "error_message", "invalidMessage"]);
    if !retry.is_empty() {
        ours["retry_text"] = json!(template(notes, &retry));
    }
    if format == "text" {
        if let Some(variable) = variable {
            ours["variable"] = json!(variable);
        }
        return ("question", ours);
    }
    let variable = variable.unwrap_or_else(|| {
        builder.variable("last_answer", "string", Json::Null);
        "last_answer".to_owned()
    });
    ours["variable"] = json!(variable);
    ours["format"] = json!(format);
    ("input", ours)
}

/// Options as texts, or as objects with a title by any of its names.
fn options(data: &Json) -> Vec<Json> {
    let lists = ["options", "buttons", "choices", "quickReplies", "quick_replies", "items"];
    let list = lists.iter().map(|list| items(data, list)).find(|list| !list.is_empty()).unwrap_or_default();
    let mut options: Vec<Json> = Vec::new();
    for (index, option) in list.iter().enumerate() {
        let named = option
            .as_str()
            .map_or_else(|| first(option, &["title", "label", "text", "name", "value"]), str::to_owned);
        let id = first(option, &["id", "key"]);
        let is_taken = |id: &str| {
            ["other", "timeout", "error", "default"].contains(&id)
                || options.iter().any(|option| option["id"] == *id)
        };
        let id = if id.is_empty() || is_taken(&id) { format!("option_{}", index + 1) } else { id };
        options.push(json!({ "id": id, "title": if named.is_empty() { id.clone() } else { named } }));
    }
    options
}

fn call(builder: &mut Builder, data: &Json, notes: &mut Notes<'_>) -> Json {
    let method = first(data, &["method", "httpMethod"]).to_uppercase();
    let method = if method.is_empty() { "GET".to_owned() } else { method };
    let mut ours =
        json!({ "method": method, "url": template(notes, &first(data, &["url", "endpoint", "webhookUrl"])) });
    let mut headers = Map::new();
    match data.get("headers") {
        Some(Json::Object(fields)) => {
            for (name, value) in fields {
                headers.insert(name.clone(), json!(template(notes, value.as_str().unwrap_or_default())));
            }
        }
        Some(Json::Array(pairs)) => {
            for pair in pairs {
                headers
                    .insert(first(pair, &["key", "name"]), json!(template(notes, &first(pair, &["value"]))));
            }
        }
        _ => {}
    }
    headers.remove("");
    if !headers.is_empty() {
        ours["headers"] = Json::Object(headers);
    }
    match data.get("body").or_else(|| data.get("payload")).filter(|_| method != "GET") {
        Some(Json::String(body)) if !body.trim().is_empty() => {
            ours["body"] = json!(template(notes, body));
            ours["content_type"] = json!("application/json");
        }
        Some(body @ (Json::Object(_) | Json::Array(_))) => ours["json"] = body.clone(),
        _ => {}
    }
    if let Some(variable) = variable(builder, data) {
        ours["save"] = json!({ variable: "response.body" });
    }
    ours
}

fn delay(data: &Json, notes: &mut Notes<'_>) -> Json {
    let amount = ["seconds", "duration", "delay", "time", "amount", "value"]
        .into_iter()
        .find_map(|field| {
            data.get(field).and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()))
        })
        .unwrap_or(1.0);
    let unit = first(data, &["unit", "timeUnit", "delayUnit"]).to_lowercase();
    let seconds = match unit.trim_end_matches('s') {
        "ms" | "m" if unit == "ms" => amount / 1_000.0,
        "millisecond" => amount / 1_000.0,
        "minute" | "min" => amount * 60.0,
        "hour" | "h" => amount * 3_600.0,
        "day" | "d" => amount * 86_400.0,
        _ => amount,
    };
    if seconds.fract() != 0.0 {
        notes.changed("whole seconds are waited");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
    let whole = seconds.ceil().clamp(1.0, 2_592_000.0) as u64;
    json!({ "seconds": whole })
}
