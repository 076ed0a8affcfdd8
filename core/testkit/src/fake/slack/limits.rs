//! What the Web API takes and what it refuses, with its codes.

use serde_json::{Map, Value};

/// A message that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) to: String,
    pub(super) text: Option<String>,
}

/// A refusal: HTTP is 200 for all of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    /// What is wrong, for people.
    pub(super) detail: Option<String>,
}

type Checked<T> = Result<T, Refusal>;

fn refused<T>(code: &str) -> Checked<T> {
    Err(Refusal { code: code.to_owned(), detail: None })
}

fn invalid<T>(detail: impl Into<String>) -> Checked<T> {
    Err(Refusal { code: "invalid_blocks".to_owned(), detail: Some(detail.into()) })
}

/// Beyond this Slack makes several messages of one, which an adapter should not let it.
const TEXT_MAX: usize = 4_040;

pub(super) fn check(arguments: &Map<String, Value>) -> Checked<Taken> {
    let text = arguments.get("text").and_then(Value::as_str);
    let Some(to) = arguments.get("channel").and_then(Value::as_str).filter(|to| is_address(to)) else {
        return refused("channel_not_found");
    };
    let blocks = arguments.get("blocks").filter(|blocks| !blocks.is_null());
    if text.is_none_or(|text| text.trim().is_empty()) && blocks.is_none() {
        return refused("no_text");
    }
    // Counted as a person reads it: escaping does not make a text longer.
    let read = text.map(|text| text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"));
    if read.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return refused("msg_too_long");
    }
    if arguments.get("thread_ts").is_some_and(|thread| !thread.as_str().is_some_and(is_ts)) {
        return refused("invalid_thread_ts");
    }
    if let Some(blocks) = blocks {
        check_blocks(blocks)?;
    }
    Ok(Taken { to: to.to_owned(), text: read })
}

fn is_address(text: &str) -> bool {
    text.starts_with(['C', 'D', 'G', 'U', 'W'])
        && text.len() > 1
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_ts(text: &str) -> bool {
    text.split_once('.').is_some_and(|(seconds, micros)| {
        micros.len() == 6
            && [seconds, micros].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn check_blocks(blocks: &Value) -> Checked<()> {
    let Some(blocks) = blocks.as_array() else { return refused("invalid_blocks_format") };
    if blocks.len() > 50 {
        return invalid("no more than 50 items allowed [json-pointer:/blocks]");
    }
    for (index, block) in blocks.iter().enumerate() {
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "section" => section(block, index)?,
            "actions" => actions(block, index)?,
            "image" => image(block, index)?,
            "divider" | "header" | "context" | "rich_text" | "markdown" | "video" | "input" | "table"
            | "file" => {}
            _ => return invalid(format!("unsupported type: {kind} [json-pointer:/blocks/{index}/type]")),
        }
    }
    Ok(())
}

/// A text object of a kind, with 1 to `max` characters.
fn text_object(value: Option<&Value>, plain: bool, max: usize, place: &str) -> Checked<()> {
    let kind = value.and_then(|value| value.get("type")).and_then(Value::as_str);
    let known = kind == Some("plain_text") || (!plain && kind == Some("mrkdwn"));
    let text = value.and_then(|value| value.get("text")).and_then(Value::as_str).unwrap_or_default();
    match text.chars().count() {
        _ if !known => invalid(format!("missing or wrong text object [json-pointer:{place}]")),
        0 => invalid(format!("must be more than 0 characters [json-pointer:{place}/text]")),
        length if length > max => {
            invalid(format!("must be less than {} characters [json-pointer:{place}/text]", max + 1))
        }
        _ => Ok(()),
    }
}

/// A text member of at most `max` characters.
fn member(value: &Value, name: &str, needed: bool, max: usize, place: &str) -> Checked<()> {
    match value.get(name).map(Value::as_str) {
        None if !needed => Ok(()),
        Some(Some(text)) if !(needed && text.is_empty()) && text.chars().count() <= max => Ok(()),
        _ => invalid(format!("{name} is missing or longer than {max} [json-pointer:{place}/{name}]")),
    }
}

fn section(block: &Value, index: usize) -> Checked<()> {
    let place = format!("/blocks/{index}/text");
    if block.get("fields").is_some() && block.get("text").is_none() {
        return Ok(());
    }
    text_object(block.get("text"), false, 3000, &place)
}

fn image(block: &Value, index: usize) -> Checked<()> {
    let place = format!("/blocks/{index}");
    member(block, "alt_text", true, 2000, &place)?;
    if block.get("slack_file").is_some_and(Value::is_object) {
        return Ok(());
    }
    member(block, "image_url", true, 3000, &place)
}

fn actions(block: &Value, index: usize) -> Checked<()> {
    let elements = block.get("elements").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=25).contains(&elements.len()) {
        return invalid(format!("1 to 25 items allowed [json-pointer:/blocks/{index}/elements]"));
    }
    let mut ids = std::collections::HashSet::new();
    for (number, element) in elements.iter().enumerate() {
        let place = format!("/blocks/{index}/elements/{number}");
        member(element, "action_id", false, 255, &place)?;
        if let Some(id) = element.get("action_id").and_then(Value::as_str)
            && !ids.insert(id)
        {
            return invalid(format!("action_id {id} is not unique [json-pointer:{place}]"));
        }
        match element.get("type").and_then(Value::as_str) {
            Some("button") => {
                text_object(element.get("text"), true, 75, &place)?;
                member(element, "value", false, 2000, &place)?;
                member(element, "url", false, 3000, &place)?;
            }
            Some("static_select") => select(element, &place)?,
            Some(_) => {}
            None => return invalid(format!("type is missing [json-pointer:{place}]")),
        }
    }
    Ok(())
}

fn select(element: &Value, place: &str) -> Checked<()> {
    let options = element.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=100).contains(&options.len()) {
        return invalid(format!("1 to 100 items allowed [json-pointer:{place}/options]"));
    }
    if element.get("placeholder").is_some() {
        text_object(element.get("placeholder"), true, 150, place)?;
    }
    for (number, option) in options.iter().enumerate() {
        let place = format!("{place}/options/{number}");
        text_object(option.get("text"), true, 75, &place)?;
        member(option, "value", true, 150, &place)?;
        if option.get("description").is_some() {
            text_object(option.get("description"), true, 75, &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(arguments: &Value) -> Result<Taken, String> {
        check(arguments.as_object().unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn texts_and_addresses_are_checked() {
        assert_eq!(
            code(&json!({ "channel": "U1", "text": "a &lt; b" })),
            Ok(Taken { to: "U1".into(), text: Some("a < b".into()) })
        );
        for (arguments, expected) in [
            (json!({ "text": "x" }), "channel_not_found"),
            (json!({ "channel": "general", "text": "x" }), "channel_not_found"),
            (json!({ "channel": "C1" }), "no_text"),
            (json!({ "channel": "C1", "text": "  " }), "no_text"),
            (json!({ "channel": "C1", "text": "x".repeat(4041) }), "msg_too_long"),
            (json!({ "channel": "C1", "text": "x", "thread_ts": "1.2" }), "invalid_thread_ts"),
            (json!({ "channel": "C1", "blocks": {} }), "invalid_blocks_format"),
            (json!({ "channel": "C1", "blocks": [{ "type": "hologram" }] }), "invalid_blocks"),
            (json!({ "channel": "C1", "blocks": [{ "type": "actions", "elements": [] }] }), "invalid_blocks"),
        ] {
            assert_eq!(code(&arguments), Err(expected.to_owned()), "{arguments}");
        }
    }

    #[test]
    fn options_and_buttons_have_their_limits() {
        let blocks = |element: Value| json!({ "channel": "C1", "blocks": [{ "type": "actions", "elements": [element] }] });
        let plain = |length: usize| json!({ "type": "plain_text", "text": "x".repeat(length) });
        let button = |title: usize, value: usize| {
            blocks(json!({ "type": "button", "text": plain(title), "value": "v".repeat(value) }))
        };
        assert!(code(&button(75, 2000)).is_ok());
        assert!(
            code(&button(76, 1)).is_err() && code(&button(0, 1)).is_err() && code(&button(1, 2001)).is_err()
        );
        let select = |title: usize, value: usize, count: usize| {
            let option = json!({ "text": plain(title), "value": "v".repeat(value) });
            blocks(json!({ "type": "static_select", "options": vec![option; count] }))
        };
        assert!(code(&select(75, 150, 100)).is_ok());
        assert!(code(&select(76, 1, 1)).is_err() && code(&select(1, 151, 1)).is_err());
        assert!(code(&select(1, 1, 101)).is_err());
    }
}
