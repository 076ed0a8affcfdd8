//! What Graph takes and what it refuses, with its codes.

use serde_json::{Map, Value, json};

/// A refusal: Graph's code and what it says about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) details: String,
}

impl Refusal {
    /// The body of the answer.
    pub(super) fn body(code: i64, details: &str) -> Value {
        let message = match code {
            100 => format!("(#100) {details}"),
            190 => "Invalid OAuth access token - Cannot parse access token".to_owned(),
            _ => format!("(#{code}) {details}"),
        };
        json!({ "error": {
            "message": message,
            "type": "OAuthException",
            "code": code,
            "error_data": { "messaging_product": "whatsapp", "details": details },
            "fbtrace_id": "AfakeTraceOfNoMeaning",
        } })
    }
}

type Checked<T> = Result<T, Refusal>;

fn invalid(details: impl Into<String>) -> Refusal {
    Refusal { code: 131_009, details: details.into() }
}

fn missing(field: &str) -> Refusal {
    Refusal { code: 131_008, details: format!("required parameter {field} is missing") }
}

/// A request that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A read receipt, with or without typing.
    Signal,
    /// A message.
    Message { to: String, tag: Option<String>, kind: String, text: Option<String> },
}

pub(super) fn check(body: &Value) -> Checked<Taken> {
    let body =
        body.as_object().ok_or_else(|| Refusal { code: 100, details: "body must be an object".into() })?;
    if text_of(body, "messaging_product") != Some("whatsapp") {
        return Err(Refusal { code: 100, details: "The parameter messaging_product is required.".into() });
    }
    if let Some(status) = body.get("status") {
        let known = status == "read" && text_of(body, "message_id").is_some_and(|id| !id.is_empty());
        return if known {
            Ok(Taken::Signal)
        } else {
            Err(invalid("status must be read, with a message_id"))
        };
    }
    let to = recipient(body)?;
    let tag = text_of(body, "biz_opaque_callback_data");
    length("biz_opaque_callback_data", tag.unwrap_or_default(), 0, 512)?;
    if let Some(context) = body.get("context")
        && context.get("message_id").and_then(Value::as_str).is_none_or(str::is_empty)
    {
        return Err(invalid("context needs a message_id"));
    }
    let kind = text_of(body, "type").unwrap_or("text");
    let object = body.get(kind).ok_or_else(|| missing(kind))?;
    let text = match kind {
        "text" => Some(long_text(object)?),
        "image" | "video" | "document" => media(object, true)?,
        "audio" | "sticker" => media(object, false)?,
        "location" => location(object)?,
        "contacts" => contacts(object)?,
        "reaction" => reaction(object)?,
        "interactive" => Some(interactive(object)?),
        "template" => template(object)?,
        other => {
            return Err(Refusal {
                code: 100,
                details: format!("Param type must be one of the known kinds, not {other}"),
            });
        }
    };
    Ok(Taken::Message { to, tag: tag.map(str::to_owned), kind: kind.to_owned(), text })
}

fn text_of<'v>(object: &'v Map<String, Value>, field: &str) -> Option<&'v str> {
    object.get(field).and_then(Value::as_str)
}

fn recipient(body: &Map<String, Value>) -> Checked<String> {
    let kind = text_of(body, "recipient_type").unwrap_or("individual");
    if !matches!(kind, "individual" | "group") {
        return Err(invalid("recipient_type must be individual or group"));
    }
    let to = text_of(body, "to").or(text_of(body, "recipient")).unwrap_or_default();
    if to.is_empty() {
        return Err(Refusal { code: 100, details: "The parameter to is required.".into() });
    }
    let phone = to.trim_start_matches('+');
    if kind == "individual" && body.contains_key("to") && !phone.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("to is not a phone number"));
    }
    Ok(to.to_owned())
}

/// The length of a text in characters.
fn length(name: &str, text: &str, least: usize, most: usize) -> Checked<()> {
    let length = text.chars().count();
    if (least..=most).contains(&length) && (least == 0 || !text.trim().is_empty()) {
        return Ok(());
    }
    Err(Refusal {
        code: 100,
        details: format!("Param {name} must be at least {least} and at most {most} characters long."),
    })
}

fn required<'v>(object: &'v Value, place: &str) -> Checked<&'v str> {
    object.pointer(place).and_then(Value::as_str).ok_or_else(|| missing(place.trim_start_matches('/')))
}

fn optional<'v>(object: &'v Value, place: &str, most: usize) -> Checked<Option<&'v str>> {
    let Some(text) = object.pointer(place) else { return Ok(None) };
    let text = text.as_str().ok_or_else(|| invalid(format!("{place} must be a text")))?;
    length(place, text, 1, most)?;
    Ok(Some(text))
}

fn long_text(text: &Value) -> Checked<String> {
    let body = required(text, "/body")?;
    length("text['body']", body, 1, 4096)?;
    Ok(body.to_owned())
}

fn media(file: &Value, captioned: bool) -> Checked<Option<String>> {
    let (id, link) = (file.get("id"), file.get("link"));
    let link_is_web = link.and_then(Value::as_str).is_none_or(|link| link.starts_with("http"));
    if id.is_some() == link.is_some() || !link_is_web {
        return Err(invalid("a file needs either an id or a link with http or https"));
    }
    let caption = optional(file, "/caption", 1024)?;
    if caption.is_some() && !captioned {
        return Err(Refusal { code: 100, details: "Param caption is not allowed here.".into() });
    }
    Ok(caption.map(str::to_owned))
}

fn location(place: &Value) -> Checked<Option<String>> {
    let within = |field: &str, most: f64| {
        place.get(field).and_then(Value::as_f64).is_some_and(|degrees| degrees.abs() <= most)
    };
    if within("latitude", 90.0) && within("longitude", 180.0) {
        Ok(place.get("name").and_then(Value::as_str).map(str::to_owned))
    } else {
        Err(invalid("latitude or longitude is out of range"))
    }
}

fn contacts(cards: &Value) -> Checked<Option<String>> {
    let cards = cards.as_array().filter(|cards| !cards.is_empty()).ok_or_else(|| missing("contacts"))?;
    for card in cards {
        let name = card.get("name").and_then(Value::as_object).ok_or_else(|| missing("contacts.name"))?;
        required(card, "/name/formatted_name")?;
        if name.len() < 2 {
            return Err(missing("one more part of the name"));
        }
    }
    Ok(cards[0].pointer("/name/formatted_name").and_then(Value::as_str).map(str::to_owned))
}

fn reaction(reaction: &Value) -> Checked<Option<String>> {
    required(reaction, "/message_id")?;
    Ok(Some(required(reaction, "/emoji")?.to_owned()))
}

fn template(template: &Value) -> Checked<Option<String>> {
    let name = required(template, "/name")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 512 || !name.bytes().all(plain) {
        return Err(Refusal {
            code: 132_001,
            details: "template name does not exist in the translation".into(),
        });
    }
    required(template, "/language/code")?;
    let components = template.get("components").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for parameter in components.iter().filter_map(|part| part["parameters"].as_array()).flatten() {
        let text = parameter.get("text").and_then(Value::as_str).unwrap_or_default();
        if text.contains(['\n', '\t']) || text.contains("     ") {
            return Err(Refusal { code: 132_012, details: "parameter format does not match".into() });
        }
    }
    Ok(Some(name.to_owned()))
}

fn interactive(object: &Value) -> Checked<String> {
    let kind = required(object, "/type")?;
    let body = object.pointer("/body/text").and_then(Value::as_str).unwrap_or_default();
    optional(object, "/footer/text", 60)?;
    optional(object, "/header/text", 60)?;
    match kind {
        "button" => {
            length("interactive['body']['text']", body, 1, 1024)?;
            buttons(object)?;
        }
        "list" => {
            length("interactive['body']['text']", body, 1, 4096)?;
            length("interactive['action']['button']", required(object, "/action/button")?, 1, 20)?;
            rows(object)?;
        }
        "cta_url" => {
            length("interactive['body']['text']", body, 1, 1024)?;
            length("display_text", required(object, "/action/parameters/display_text")?, 1, 20)?;
            required(object, "/action/parameters/url")?;
        }
        "location_request_message"
        | "request_contact_info"
        | "flow"
        | "product"
        | "product_list"
        | "catalog_message"
        | "carousel"
        | "call_permission_request" => {}
        other => return Err(invalid(format!("interactive type {other} is not known"))),
    }
    Ok(body.to_owned())
}

fn buttons(object: &Value) -> Checked<()> {
    let buttons = object.pointer("/action/buttons").and_then(Value::as_array);
    let buttons = buttons.ok_or_else(|| missing("interactive['action']['buttons']"))?;
    if !(1..=3).contains(&buttons.len()) {
        return Err(invalid("Invalid buttons count. Min allowed buttons: 1, max allowed buttons: 3"));
    }
    let mut seen = Seen::default();
    for button in buttons {
        length("button id", required(button, "/reply/id")?, 1, 256)?;
        length("button title", required(button, "/reply/title")?, 1, 20)?;
        seen.add("button id", required(button, "/reply/id")?)?;
        seen.add("button title", required(button, "/reply/title")?)?;
    }
    Ok(())
}

fn rows(object: &Value) -> Checked<()> {
    let sections = object.pointer("/action/sections").and_then(Value::as_array);
    let sections = sections.ok_or_else(|| missing("interactive['action']['sections']"))?;
    if !(1..=10).contains(&sections.len()) {
        return Err(invalid("a list has 1 to 10 sections"));
    }
    let mut seen = Seen::default();
    let mut count = 0;
    for section in sections {
        let title = optional(section, "/title", 24)?;
        if title.is_none() && sections.len() > 1 {
            return Err(missing("section title"));
        }
        for row in section.get("rows").and_then(Value::as_array).ok_or_else(|| missing("rows"))? {
            count += 1;
            length("row id", required(row, "/id")?, 1, 200)?;
            length("row title", required(row, "/title")?, 1, 24)?;
            optional(row, "/description", 72)?;
            seen.add("row id", required(row, "/id")?)?;
        }
    }
    if (1..=10).contains(&count) {
        Ok(())
    } else {
        Err(invalid(format!("Total row count exceed max allowed count: 10, found {count}")))
    }
}

/// Texts that may occur once.
#[derive(Default)]
struct Seen(Vec<(&'static str, String)>);

impl Seen {
    fn add(&mut self, what: &'static str, text: &str) -> Checked<()> {
        if self.0.iter().any(|(kind, known)| *kind == what && known == text) {
            return Err(invalid(format!("duplicate {what}")));
        }
        self.0.push((what, text.to_owned()));
        Ok(())
    }
}
