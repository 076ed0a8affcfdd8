//! What a flow says: texts, files, quick replies.

use serde_json::{Value as Json, json};

use super::{
    Flow,
    template::{is_dynamic, template},
};
use crate::{build::Chain, items, report::Notes, text};

/// Most quick replies that a message shows.
const REPLIES_MAX: usize = 50;

/// Adds the messages of a `send_msg` or `say_msg`: the files first, then the text with its quick replies.
pub(super) fn say<'f>(flow: &mut Flow<'f, '_>, chain: &mut Chain<'_>, place: String, action: &'f Json) {
    let uuid = text(action, "uuid");
    let words = flow.word(uuid, "text", text(action, "text"));
    let files = flow.words(uuid, "attachments", items(action, "attachments"));
    let replies = flow.words(uuid, "quick_replies", items(action, "quick_replies"));
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, place, text(action, "type"));
    if action.get("all_urns").and_then(Json::as_bool) == Some(true) {
        notes.changed("it is sent on the conversation's channel, not to every address");
    }
    if ["template", "templating"].iter().any(|field| action.get(*field).is_some_and(|value| !value.is_null()))
    {
        notes.changed("the text is sent; give the message a template of the channel where it needs one");
    }
    for file in files.iter().filter_map(Json::as_str) {
        match file.split_once(':') {
            Some((kind, url)) if !kind.starts_with("geo") => {
                let url = template(&mut flow.scope, &mut notes, url);
                let mut media = json!({ "kind": "media", "media": media_kind(kind), "url": url });
                if kind.contains('/') {
                    media["mime_type"] = json!(kind);
                }
                chain.push("message", json!({ "content": media }), &["next"]);
            }
            _ => notes.not_supported(format!("the attachment `{file}`")),
        }
    }
    let words = template(&mut flow.scope, &mut notes, words);
    let options = options(&mut notes, replies);
    if !options.is_empty() {
        let choice = json!({ "kind": "choice", "text": words, "options": options });
        chain.push("message", json!({ "content": choice }), &["next"]);
    } else if !words.is_empty() {
        chain.push("message", json!({ "text": words }), &["next"]);
    }
    notes.done();
}

fn options(notes: &mut Notes<'_>, replies: &[Json]) -> Vec<Json> {
    let mut options = Vec::new();
    for reply in replies {
        let title = reply.as_str().unwrap_or_else(|| text(reply, "text"));
        if is_dynamic(title) {
            notes.not_supported(format!("the quick reply `{title}`: buttons are fixed texts here"));
        } else if title.trim().is_empty() || options.len() == REPLIES_MAX {
            notes.not_supported(format!("the quick reply `{title}`"));
        } else {
            let title = title.replace("@@", "@");
            options.push(json!({ "id": (options.len() + 1).to_string(), "title": title }));
        }
    }
    options
}

/// The kind of a file by its type, or the first half of it.
pub(super) fn media_kind(kind: &str) -> &'static str {
    match kind.split('/').next().unwrap_or_default() {
        "image" => "image",
        "audio" => "audio",
        "video" => "video",
        _ => "document",
    }
}
