//! What the Bot API takes and what it refuses, with its descriptions.

use serde_json::{Map, Value};

/// A message that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) to: String,
    pub(super) text: Option<String>,
}

/// A refusal: always 400, so only its words matter.
pub(super) type Refusal = String;

type Checked<T> = Result<T, Refusal>;

fn refused<T>(description: &str) -> Checked<T> {
    Err(format!("Bad Request: {description}"))
}

/// The field that a sending method needs beside the chat, and whether it carries a caption.
fn needed(method: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match method {
        "sendMessage" => (&["text"], false),
        "sendPhoto" => (&["photo"], true),
        "sendVideo" => (&["video"], true),
        "sendAnimation" => (&["animation"], true),
        "sendAudio" => (&["audio"], true),
        "sendVoice" => (&["voice"], true),
        "sendDocument" => (&["document"], true),
        "sendSticker" => (&["sticker"], false),
        "sendLocation" => (&["latitude", "longitude"], false),
        "sendVenue" => (&["latitude", "longitude", "title", "address"], false),
        "sendContact" => (&["phone_number", "first_name"], false),
        "sendVideoNote" => (&["video_note"], false),
        "sendPoll" => (&["question"], false),
        "sendDice" => (&[], false),
        "sendInvoice" => (&["title", "description", "payload", "currency"], false),
        _ => return None,
    })
}

/// Whether a method makes a message.
pub(super) fn sends(method: &str) -> bool {
    needed(method).is_some()
}

pub(super) fn check(method: &str, body: &Map<String, Value>) -> Checked<Taken> {
    let Some((fields, captioned)) = needed(method) else { return refused("method is not one that sends") };
    let to = chat(body)?;
    for field in fields {
        let given = match body.get(*field) {
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Number(_)) => true,
            _ => false,
        };
        match (given, *field) {
            (true, _) => {}
            (false, "text") => return refused("message text is empty"),
            (false, field) => return Err(format!("Bad Request: there is no {field} in the request")),
        }
    }
    let text = body.get("text").and_then(Value::as_str);
    if text.is_some_and(|text| units(text) > 4096) {
        return refused("message is too long");
    }
    let caption = body.get("caption").and_then(Value::as_str).filter(|_| captioned);
    if caption.is_some_and(|caption| units(caption) > 1024) {
        return refused("message caption is too long");
    }
    let listed = |field: &str| body.get(field).and_then(Value::as_array).map_or(0, Vec::len);
    if method == "sendPoll" && !(1..=12).contains(&listed("options")) {
        return refused("poll must have at least 1 and at most 12 options");
    }
    if method == "sendInvoice" && listed("prices") == 0 {
        return refused("there must be at least one price");
    }
    if let Some(reply) = body.get("reply_parameters")
        && reply.get("message_id").and_then(Value::as_i64).is_none()
    {
        return refused("can't parse reply parameters");
    }
    if let Some(markup) = body.get("reply_markup") {
        keyboard(markup)?;
    }
    Ok(Taken { to, text: text.or(caption).map(str::to_owned) })
}

/// What a person reads in a message after it was changed, where that is told.
pub(super) fn edited(method: &str, body: &Map<String, Value>) -> Checked<Option<String>> {
    let text = |field: &str| body.get(field).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    if let Some(markup) = body.get("reply_markup") {
        keyboard(markup)?;
    }
    let (shown, most) = match method {
        "editMessageText" => (text("text"), 4096),
        "editMessageCaption" => (text("caption"), 1024),
        _ => (None, usize::MAX),
    };
    if method == "editMessageText" && shown.is_none() {
        return refused("message text is empty");
    }
    if method == "editMessageMedia" && !body.get("media").is_some_and(Value::is_object) {
        return refused("there is no media in the request");
    }
    if shown.is_some_and(|shown| units(shown) > most) {
        return refused("message is too long");
    }
    Ok(shown.map(str::to_owned))
}

/// Several files at once: 2 to 10, sound and documents only with their own kind, and no keyboard.
pub(super) fn album(body: &Map<String, Value>) -> Checked<(String, Vec<Value>)> {
    let to = chat(body)?;
    if body.contains_key("reply_markup") {
        return refused("reply markup is not allowed in an album");
    }
    let items = body.get("media").and_then(Value::as_array).cloned().unwrap_or_default();
    if !(2..=10).contains(&items.len()) {
        return refused("group of messages must include 2-10 items");
    }
    let text = |item: &Value, field: &str| item.get(field).and_then(Value::as_str).map(str::to_owned);
    let kinds: Vec<String> = items.iter().filter_map(|item| text(item, "type")).collect();
    let alone = |kind: &String| kind == "audio" || kind == "document";
    let known = |kind: &String| alone(kind) || kind == "photo" || kind == "video";
    if kinds.len() != items.len() || !kinds.iter().all(known) {
        return refused("can't parse InputMedia: unknown type specified");
    }
    if kinds.iter().any(alone) && kinds.iter().any(|kind| *kind != kinds[0]) {
        return refused("document can't be mixed with other media types");
    }
    for item in &items {
        if text(item, "media").is_none_or(|media| media.is_empty() || media.starts_with("attach://")) {
            return refused("wrong file identifier/HTTP URL specified");
        }
        if text(item, "caption").is_some_and(|caption| units(&caption) > 1024) {
            return refused("message caption is too long");
        }
    }
    Ok((to, items))
}

/// The chat of a call, as text.
pub(super) fn chat(body: &Map<String, Value>) -> Checked<String> {
    match body.get("chat_id") {
        Some(Value::Number(number)) if number.is_i64() => Ok(number.to_string()),
        Some(Value::String(text)) if text.parse::<i64>().is_ok() || text.starts_with('@') => Ok(text.clone()),
        Some(Value::String(text)) if !text.is_empty() => refused("chat not found"),
        _ => refused("chat_id is empty"),
    }
}

/// UTF-16 code units, in which Telegram counts.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn keyboard(markup: &Value) -> Checked<()> {
    let Some(rows) = markup.get("inline_keyboard") else { return Ok(()) };
    let Some(rows) = rows.as_array() else { return refused("object expected as reply markup") };
    let mut count = 0;
    for row in rows {
        let Some(row) = row.as_array() else {
            return refused("field \"inline_keyboard\" must be an Array of Arrays");
        };
        for button in row {
            count += 1;
            if button.get("text").and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                return refused("button text must be non-empty");
            }
            match button.get("callback_data").and_then(Value::as_str) {
                Some(data) if !(1..=64).contains(&data.len()) => return refused("BUTTON_DATA_INVALID"),
                None if button.get("url").is_none() => {
                    return refused("text buttons are unallowed in the inline keyboard");
                }
                _ => {}
            }
        }
    }
    if count > 100 { refused("reply markup is too long") } else { Ok(()) }
}
