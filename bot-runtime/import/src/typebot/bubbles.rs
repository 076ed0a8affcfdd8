//! Bubbles: what a typebot says.

use serde_json::{Value as Json, json};

use super::{Here, template::template};
use crate::{build::Chain, items, report::Notes, text};

/// Adds the message of a bubble.
pub(super) fn bubble(here: &Here<'_>, chain: &mut Chain<'_>, notes: &mut Notes<'_>) {
    let content = here.block.get("content").unwrap_or(&Json::Null);
    let url = template(here.source, notes, text(content, "url"));
    match text(here.block, "type") {
        "text" => {
            let words = template(here.source, notes, &words(content));
            say(chain, notes, &words);
        }
        "image" => file(chain, notes, "image", &url),
        "audio" => file(chain, notes, "audio", &url),
        "video" if matches!(text(content, "type"), "" | "url") => file(chain, notes, "video", &url),
        "location" => {
            let number = |field: &str| content.get(field).and_then(Json::as_f64);
            match number("latitude").zip(number("longitude")) {
                Some((latitude, longitude)) => {
                    let place = json!({ "kind": "location", "latitude": latitude, "longitude": longitude });
                    chain.push("message", json!({ "content": place }), &["next"]);
                }
                None => notes.changed("it has no place to show"),
            }
        }
        _ => {
            notes.changed("its address is sent as a text");
            say(chain, notes, &url);
        }
    }
}

fn say(chain: &mut Chain<'_>, notes: &mut Notes<'_>, words: &str) {
    if words.trim().is_empty() {
        notes.changed("it says nothing");
    } else {
        chain.push("message", json!({ "text": words }), &["next"]);
    }
}

fn file(chain: &mut Chain<'_>, notes: &mut Notes<'_>, kind: &str, url: &str) {
    if url.trim().is_empty() {
        notes.changed("it has no file to show");
    } else {
        let media = json!({ "kind": "media", "media": kind, "url": url });
        chain.push("message", json!({ "content": media }), &["next"]);
    }
}

/// The plain words of a text, still with their variables.
pub(super) fn words(content: &Json) -> String {
    let rich = items(content, "richText");
    if !rich.is_empty() {
        let lines: Vec<String> = rich.iter().map(|line| line_of(line, 0)).collect();
        return lines.join("\n").trim_end().to_owned();
    }
    let plain = text(content, "plainText");
    if plain.is_empty() { without_tags(text(content, "html")) } else { plain.to_owned() }
}

/// One paragraph; the items of a list are lines with a dash.
fn line_of(element: &Json, depth: usize) -> String {
    if depth > 12 {
        return String::new();
    }
    if let Some(text) = element.get("text").and_then(Json::as_str) {
        return text.to_owned();
    }
    let children = items(element, "children");
    let inner = |between: &str| {
        children.iter().map(|child| line_of(child, depth + 1)).collect::<Vec<_>>().join(between)
    };
    match text(element, "type") {
        "a" => {
            let (shown, url) = (inner(""), text(element, "url"));
            if shown == url || shown.is_empty() { url.to_owned() } else { format!("{shown} ({url})") }
        }
        "ul" | "ol" => {
            let lines = children.iter().map(|child| format!("- {}", line_of(child, depth + 1)));
            lines.collect::<Vec<_>>().join("\n")
        }
        "variable" => inner("\n"),
        _ => inner(""),
    }
}

fn without_tags(html: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for letter in html.replace("<br>", "\n").replace("</div><div>", "\n").chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => plain.push(letter),
            _ => {}
        }
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(plain, |text, (entity, letter)| text.replace(entity, letter))
}
