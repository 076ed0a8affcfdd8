//! What the Send API takes and what it refuses, with Graph's codes.

use serde_json::{Value, json};

/// A request that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A message.
    Message {
        /// Whom it goes to.
        to: String,
        /// What it is.
        kind: String,
        /// The text a person reads in it, if any.
        text: Option<String>,
    },
    /// Typing, seen, a reaction.
    Action {
        /// Whom it is shown to.
        to: String,
    },
}

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: i64,
    subcode: Option<i64>,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        Self { code, subcode, message: message.into() }
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({
            "message": format!("(#{}) {}", self.code, self.message), "type": "IGApiException",
            "code": self.code, "fbtrace_id": "AFakeTrace",
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        json!({ "error": error })
    }
}

type Checked<T> = Result<T, Refusal>;

fn refused<T>(message: impl Into<String>) -> Checked<T> {
    Err(Refusal::new(100, None, message))
}

/// A text of at most so many units, and not empty.
fn text<'a>(of: &'a Value, name: &str, max: usize, length: fn(&str) -> usize) -> Checked<&'a str> {
    match of.get(name).and_then(Value::as_str) {
        Some(text) if !text.trim().is_empty() && length(text) <= max => Ok(text),
        _ => refused(format!("{name} must be 1 to {max} long")),
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn check(body: &Value) -> Checked<Taken> {
    let recipient = body.get("recipient");
    let id = recipient.and_then(|to| to.get("id").or(to.get("comment_id"))).and_then(Value::as_str);
    let Some(to) = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) else {
        return Err(Refusal::new(100, Some(2_534_014), "The requested user cannot be found."));
    };
    let to = to.to_owned();
    if let Some(tag) = body.get("tag").and_then(Value::as_str)
        && tag != "HUMAN_AGENT"
    {
        return refused("Invalid parameter: tag");
    }
    match (body.get("sender_action").and_then(Value::as_str), body.get("message")) {
        (Some("typing_on" | "typing_off" | "mark_seen"), None) => Ok(Taken::Action { to }),
        (Some("react" | "unreact"), None) => match body.pointer("/payload/message_id") {
            Some(Value::String(_)) => Ok(Taken::Action { to }),
            _ => refused("payload.message_id is missing"),
        },
        (None, Some(message)) => {
            let (kind, text) = self::message(message)?;
            Ok(Taken::Message { to, kind, text })
        }
        _ => refused("either a message or a sender_action is needed"),
    }
}

fn message(message: &Value) -> Checked<(String, Option<String>)> {
    let attachment = message.get("attachment");
    let several = message.get("attachments");
    if message.get("text").is_some() {
        if attachment.is_some() || several.is_some() {
            return refused("text and attachment may not be sent together");
        }
        let shown = text(message, "text", 1000, str::len)?;
        if let Some(replies) = message.get("quick_replies") {
            quick_replies(replies)?;
            return Ok(("quick_replies".into(), Some(shown.to_owned())));
        }
        return Ok(("text".into(), Some(shown.to_owned())));
    }
    if let Some(images) = several.and_then(Value::as_array) {
        if !(1..=10).contains(&images.len()) || images.iter().any(|image| image["type"] != "image") {
            return refused("1 to 10 images are possible");
        }
        return Ok(("images".into(), None));
    }
    let Some(attachment) = attachment else { return refused("the message is empty") };
    let kind = attachment.get("type").and_then(Value::as_str).unwrap_or_default();
    let payload = attachment.get("payload").unwrap_or(&Value::Null);
    match kind {
        "image" | "video" | "audio" | "file" => {
            let url = payload.get("url").and_then(Value::as_str).filter(|url| url.starts_with("http"));
            let reference = payload.get("attachment_id").and_then(Value::as_str);
            if url.or(reference).is_none() { refused("url is not valid") } else { Ok((kind.into(), None)) }
        }
        "like_heart" => Ok((kind.into(), None)),
        "MEDIA_SHARE" if payload.get("id").is_some() => Ok((kind.into(), None)),
        "template" => template(payload),
        _ => refused(format!("attachment type {kind:?} is not known")),
    }
}

/// Whether a file of that type can be sent as that kind of attachment.
pub(super) fn is_fit(kind: &str, mime_type: &str) -> bool {
    match kind {
        "image" => matches!(mime_type, "image/png" | "image/jpeg" | "image/gif"),
        "audio" => matches!(mime_type, "audio/aac" | "audio/mp4" | "audio/m4a" | "audio/x-m4a" | "audio/wav"),
        "video" => {
            matches!(
                mime_type,
                "video/mp4" | "video/ogg" | "video/x-msvideo" | "video/quicktime" | "video/webm"
            )
        }
        "file" => mime_type == "application/pdf",
        _ => true,
    }
}

fn quick_replies(replies: &Value) -> Checked<()> {
    let replies = replies.as_array().map_or(&[][..], Vec::as_slice);
    if !(1..=13).contains(&replies.len()) {
        return refused("1 to 13 quick replies are possible");
    }
    for reply in replies {
        match reply.get("content_type").and_then(Value::as_str) {
            Some("text") => {
                text(reply, "title", 20, characters)?;
                text(reply, "payload", 1000, characters)?;
            }
            Some("user_phone_number" | "user_email") => {}
            _ => return refused("content_type is not known"),
        }
    }
    Ok(())
}

fn template(payload: &Value) -> Checked<(String, Option<String>)> {
    let list = |name: &str| payload.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match payload.get("template_type").and_then(Value::as_str) {
        Some("button") => {
            let shown = text(payload, "text", 640, characters)?;
            if !(1..=3).contains(&list("buttons").len()) {
                return refused("1 to 3 buttons are possible");
            }
            buttons(list("buttons"))?;
            Ok(("button_template".into(), Some(shown.to_owned())))
        }
        Some("generic") => {
            let elements = list("elements");
            if !(1..=10).contains(&elements.len()) {
                return refused("1 to 10 elements are possible");
            }
            for element in elements {
                text(element, "title", 80, characters)?;
                if element.get("subtitle").is_some() {
                    text(element, "subtitle", 80, characters)?;
                }
                let below = element.get("buttons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                if below.len() > 3 {
                    return refused("3 buttons at most are possible");
                }
                buttons(below)?;
            }
            let first = elements[0].get("title").and_then(Value::as_str).map(str::to_owned);
            Ok(("generic_template".into(), first))
        }
        _ => refused("template_type is not known"),
    }
}

fn buttons(buttons: &[Value]) -> Checked<()> {
    for button in buttons {
        text(button, "title", 20, characters)?;
        match button.get("type").and_then(Value::as_str) {
            Some("postback") => _ = text(button, "payload", 1000, characters)?,
            Some("web_url") => _ = text(button, "url", 2000, str::len)?,
            _ => return refused("button type is not known"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(message: &Value) -> Result<String, i64> {
        let body = json!({ "recipient": { "id": "1" }, "message": message });
        match check(&body) {
            Ok(Taken::Message { kind, .. }) => Ok(kind),
            Ok(Taken::Action { .. }) => Ok("action".into()),
            Err(refusal) => Err(refusal.code),
        }
    }

    #[test]
    fn texts_are_counted_in_bytes() {
        assert_eq!(outcome(&json!({ "text": "ü".repeat(500) })), Ok("text".into()));
        assert_eq!(outcome(&json!({ "text": "ü".repeat(501) })), Err(100));
        assert_eq!(outcome(&json!({ "text": " " })), Err(100));
        assert_eq!(outcome(&json!({ "text": "x", "attachment": { "type": "like_heart" } })), Err(100));
    }

    #[test]
    fn options_have_their_limits() {
        let replies = |count: usize, title: usize| {
            let reply = json!({ "content_type": "text", "title": "x".repeat(title), "payload": "p" });
            json!({ "text": "?", "quick_replies": vec![reply; count] })
        };
        assert!(outcome(&replies(13, 20)).is_ok());
        assert!(outcome(&replies(14, 20)).is_err() && outcome(&replies(1, 21)).is_err());
        let buttons = |count: usize, text: usize| {
            let button = json!({ "type": "postback", "title": "x", "payload": "p" });
            let payload = json!({
                "template_type": "button", "text": "x".repeat(text), "buttons": vec![button; count],
            });
            json!({ "attachment": { "type": "template", "payload": payload } })
        };
        assert!(outcome(&buttons(3, 640)).is_ok());
        assert!(outcome(&buttons(4, 1)).is_err() && outcome(&buttons(1, 641)).is_err());
        assert!(outcome(&buttons(0, 1)).is_err());
    }

    #[test]
    fn whom_and_what_are_needed() {
        assert!(check(&json!({ "message": { "text": "x" } })).is_err());
        assert!(check(&json!({ "recipient": { "id": "ada" }, "message": { "text": "x" } })).is_err());
        assert!(check(&json!({ "recipient": { "id": "1" } })).is_err());
        let tagged = |tag: &str| {
            check(&json!({ "recipient": { "id": "1" }, "tag": tag, "message": { "text": "x" } })).is_ok()
        };
        assert!(tagged("HUMAN_AGENT") && !tagged("ACCOUNT_UPDATE"));
    }
}
