//! What a template may be made of, checked before a provider is asked.

use std::collections::HashSet;

use serde_json::Value;

use super::Template;

/// The most of each that every provider takes.
const NAME_MAX: usize = 512;
const HEADER_MAX: usize = 60;
const BODY_MAX: usize = 1024;
const FOOTER_MAX: usize = 60;
const BUTTONS_MAX: usize = 10;
const BUTTON_TEXT_MAX: usize = 25;
const URL_MAX: usize = 2000;
const CODE_MAX: usize = 15;

/// What is wrong with a template: the field, and a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct Broken {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
}

fn broken<T>(field: &'static str, message: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { field, message: message.into() })
}

/// The gaps of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gaps {
    /// So many, numbered from 1.
    Numbered(usize),
    /// These, in the order in which they first occur.
    Named(Vec<String>),
}

impl Gaps {
    /// How many values fill them.
    pub fn count(&self) -> usize {
        match self {
            Self::Numbered(count) => *count,
            Self::Named(names) => names.len(),
        }
    }
}

/// The gaps of a text: `{{1}}`, `{{2}}` … without one left out, or `{{name}}`s; never both.
pub fn gaps(text: &str) -> Result<Gaps, String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((inside, behind)) = after.split_once("}}") else {
            return Err("has a gap that does not end".into());
        };
        let name = inside.trim();
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(format!("has a gap called `{name}`: numbers, or lower-case names"));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = behind;
    }
    let mut numbers: Vec<usize> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if numbers.is_empty() {
        return Ok(if names.is_empty() { Gaps::Numbered(0) } else { Gaps::Named(names) });
    }
    if numbers.len() < names.len() {
        return Err("has numbered gaps and named ones".into());
    }
    numbers.sort_unstable();
    if numbers.iter().copied().eq(1..=numbers.len()) {
        Ok(Gaps::Numbered(numbers.len()))
    } else {
        Err("leaves a number out: gaps are {{1}}, {{2}} and so on".into())
    }
}

/// Whether a provider can be asked to approve this.
pub fn check(template: &Template) -> Result<(), Broken> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let name = &template.name;
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return broken("name", "must have lower-case letters, digits and underscores, 512 at most");
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if template.language.is_empty() || !template.language.bytes().all(legal) {
        return broken("language", "must be a code like en or en_US");
    }
    header(template)?;
    body(template)?;
    if let Some(footer) = &template.footer
        && (footer.chars().count() > FOOTER_MAX || footer.contains("{{"))
    {
        return broken("footer", "must have 60 characters at most and no gaps");
    }
    buttons(template)
}

fn word<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn header(template: &Template) -> Result<(), Broken> {
    let header = &template.header;
    if header.is_empty() {
        return Ok(());
    }
    let text = header.get("text").and_then(Value::as_str).unwrap_or_default();
    match header.get("format").and_then(Value::as_str) {
        Some("text") if text.is_empty() || text.chars().count() > HEADER_MAX => {
            broken("header", "must have a text of 60 characters at most")
        }
        Some("text") => match gaps(text) {
            Err(message) => broken("header", message),
            Ok(gaps) if gaps.count() > 1 => broken("header", "must have one gap at most"),
            Ok(gaps) if gaps.count() == 1 && !header.get("example").is_some_and(Value::is_string) => {
                broken("header", "needs an `example` for its gap")
            }
            Ok(_) => Ok(()),
        },
        Some("image" | "video" | "document" | "location") => Ok(()),
        _ => broken("header", "must have a `format`: text, image, video, document or location"),
    }
}

fn body(template: &Template) -> Result<(), Broken> {
    let text = template.body.trim();
    if text.is_empty() || text.chars().count() > BODY_MAX {
        return broken("body", "must have 1 to 1024 characters");
    }
    let gaps = match gaps(text) {
        Ok(gaps) => gaps,
        Err(message) => return broken("body", message),
    };
    if text.starts_with("{{") || text.ends_with("}}") {
        return broken("body", "must neither begin nor end with a gap");
    }
    let examples =
        template.variables.iter().filter(|example| example.as_str().is_some_and(|it| !it.is_empty()));
    if examples.count() != gaps.count() || template.variables.len() != gaps.count() {
        return broken("variables", format!("must have an example for each of the {} gaps", gaps.count()));
    }
    // Providers refuse a text that is mostly gaps.
    if text.split_whitespace().count() < 2 * gaps.count() + 1 {
        return broken("body", "has too few words for its gaps");
    }
    Ok(())
}

fn buttons(template: &Template) -> Result<(), Broken> {
    let buttons = &template.buttons;
    if buttons.len() > BUTTONS_MAX {
        return broken("buttons", "must be 10 at most");
    }
    let (mut seen, mut groups, mut last) = (HashSet::new(), 0, None);
    for button in buttons {
        let kind = word(button, "type");
        let is_reply = kind == "quick_reply";
        if last != Some(is_reply) {
            groups += 1;
        }
        last = Some(is_reply);
        if kind == "copy_code" {
            if !(1..=CODE_MAX).contains(&word(button, "example").chars().count()) {
                return broken("buttons", "a copied code needs an `example` of 15 characters at most");
            }
            continue;
        }
        let text = word(button, "text");
        if !(1..=BUTTON_TEXT_MAX).contains(&text.chars().count()) {
            return broken("buttons", "each must have a `text` of 25 characters at most");
        }
        if !seen.insert(text.to_owned()) {
            return broken("buttons", format!("two of them say `{text}`"));
        }
        match kind {
            "quick_reply" => {}
            "phone_number" if !word(button, "phone_number").is_empty() => {}
            "phone_number" => return broken("buttons", "a call needs a `phone_number`"),
            "url" => link(button)?,
            other => {
                let message = format!("`{other}` is no type: quick_reply, url, phone_number, copy_code");
                return broken("buttons", message);
            }
        }
    }
    if groups > 2 {
        return broken("buttons", "quick replies must stand together");
    }
    Ok(())
}

fn link(button: &Value) -> Result<(), Broken> {
    let url = word(button, "url");
    if !url.starts_with("https://") && !url.starts_with("http://") || url.len() > URL_MAX {
        return broken("buttons", "a link needs a `url` of 2000 characters at most");
    }
    match gaps(url) {
        Ok(gaps) if gaps.count() == 0 => Ok(()),
        Ok(gaps) if gaps.count() == 1 && url.ends_with("}}") => {
            if word(button, "example").is_empty() {
                return broken("buttons", "a link with a gap needs an `example`");
            }
            Ok(())
        }
        Ok(_) => broken("buttons", "a link has one gap at most, at its end"),
        Err(message) => broken("buttons", format!("a link {message}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn template(change: impl FnOnce(&mut Value)) -> Template {
        let mut template = json!({
            "name": "order_ready", "language": "en_US", "category": "utility",
            "header": { "format": "text", "text": "Order {{1}}", "example": "1002" },
            "body": "Hello {{1}}, your order {{2}} is ready for you.", "footer": "The shop",
            "buttons": [
                { "type": "quick_reply", "text": "Thanks" },
                { "type": "url", "text": "Track", "url": "https://shop.example/{{1}}", "example": "1002" },
            ],
            "variables": ["Ada", "1002"],
        });
        change(&mut template);
        serde_json::from_value(template).unwrap()
    }

    #[test]
    fn gaps_are_numbered_or_named() {
        assert_eq!(gaps("no gaps"), Ok(Gaps::Numbered(0)));
        assert_eq!(gaps("{{2}} and {{ 1 }} and {{2}}"), Ok(Gaps::Numbered(2)));
        assert_eq!(gaps("{{b}} {{a}} {{b}}"), Ok(Gaps::Named(vec!["b".into(), "a".into()])));
        for wrong in ["{{1}} {{3}}", "{{0}}", "{{1}} {{a}}", "{{", "{{}}", "{{A}}", "{{a b}}"] {
            assert!(gaps(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_provider_would_refuse_is_refused_by_its_field() {
        type Change = fn(&mut Value);
        assert_eq!(check(&template(|_| {})), Ok(()));
        let cases: [(&str, Change); 13] = [
            ("name", |it| it["name"] = "Order".into()),
            ("language", |it| it["language"] = "en-US".into()),
            ("header", |it| it["header"]["text"] = "x".repeat(61).into()),
            ("header", |it| it["header"] = json!({ "format": "text", "text": "{{1}}" })),
            ("header", |it| it["header"] = json!({ "format": "song" })),
            ("body", |it| it["body"] = "{{1}} is the name, {{2}} the order of yours".into()),
            ("body", |it| it["body"] = "Hello {{1}} {{2}} there".into()),
            ("variables", |it| it["variables"] = json!(["Ada"])),
            ("footer", |it| it["footer"] = "{{1}}".into()),
            ("buttons", |it| it["buttons"][1]["url"] = "https://shop.example/{{1}}/x".into()),
            ("buttons", |it| it["buttons"][1]["text"] = "Thanks".into()),
            ("buttons", |it| it["buttons"] = json!([{ "type": "dance", "text": "x" }])),
            ("buttons", |it| {
                let reply = |text: &str| json!({ "type": "quick_reply", "text": text });
                let call = json!({ "type": "phone_number", "text": "c", "phone_number": "+1555" });
                it["buttons"] = json!([reply("a"), call, reply("b")]);
            }),
        ];
        for (field, change) in cases {
            let found = check(&template(change)).expect_err(field);
            assert_eq!(found.field, field, "{found}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", braces in "[{}1a ]{0,40}") {
            let _ = gaps(&text);
            let _ = gaps(&braces);
            let _ = check(&template(|it| it["body"] = braces.clone().into()));
        }

        #[test]
        fn numbers_in_any_order_are_counted(count in 1_usize..12, turn in 0_usize..12) {
            let mut numbers: Vec<usize> = (1..=count).collect();
            numbers.rotate_left(turn % count);
            let text: Vec<String> = numbers.iter().map(|number| format!("word {{{{{number}}}}}")).collect();
            prop_assert_eq!(gaps(&text.join(" ")), Ok(Gaps::Numbered(count)));
        }
    }
}
