//! Whether a message fits the template that it names, checked before the call.

use botbuilder_domain::{MediaKind, TemplateHeader, TemplateMessage, TemplateStatus, TemplateValue};
use serde_json::Value;

use super::{Gaps, Template, gaps};

/// Why a message is not sent as that template: our stable code, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unfit {
    /// The code, for `channel_messages.error_code`.
    pub code: &'static str,
    /// The sentence.
    pub reason: String,
}

fn unfit<T>(code: &'static str, reason: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { code, reason: reason.into() })
}

/// Chooses the translation among all of that name, and checks what fills it. None of that name: it may be one that was
/// not read from the provider yet, and goes out as it is.
///
/// A message that names a language gets that one and no other. One that names none gets the contact's, else the same
/// language of another country, else the first that is approved.
pub fn fit(
    message: &TemplateMessage,
    translations: &[Template],
    locale: Option<&str>,
) -> Result<TemplateMessage, Unfit> {
    if translations.is_empty() {
        return if message.language.is_empty() {
            unfit("template_unknown", "there is no such template, and no language is named")
        } else {
            Ok(message.clone())
        };
    }
    let chosen = if message.language.is_empty() {
        suiting(translations, locale)
    } else {
        translations.iter().find(|template| template.language == message.language)
    };
    let Some(template) = chosen else {
        let known: Vec<&str> = translations.iter().map(|template| template.language.as_str()).collect();
        let reason =
            format!("the template has no approved translation for it; there are: {}", known.join(", "));
        return unfit("template_language", reason);
    };
    match template.status {
        TemplateStatus::Approved => {}
        TemplateStatus::Paused => {
            return unfit(
                "template_paused",
                "the provider has paused the template, because people disliked it",
            );
        }
        other => {
            let reason = format!("the template is {}; only approved ones are sent", other.as_str());
            return unfit("template_not_approved", reason);
        }
    }
    let names = variables(message, template)?;
    header(message, template)?;
    buttons(message, template)?;
    Ok(TemplateMessage { language: template.language.clone(), names, ..message.clone() })
}

/// The approved translation that suits a contact best.
fn suiting<'a>(translations: &'a [Template], locale: Option<&str>) -> Option<&'a Template> {
    let approved = || translations.iter().filter(|template| template.status == TemplateStatus::Approved);
    let wanted = locale.unwrap_or_default().replace('-', "_").to_lowercase();
    let tongue = |code: &str| code.split('_').next().unwrap_or_default().to_lowercase();
    let exact = approved().find(|template| template.language.to_lowercase() == wanted);
    let near =
        || approved().find(|template| !wanted.is_empty() && tongue(&template.language) == tongue(&wanted));
    exact.or_else(near).or_else(|| approved().next()).or_else(|| translations.first())
}

fn variables(message: &TemplateMessage, template: &Template) -> Result<Vec<String>, Unfit> {
    let gaps = gaps(&template.body).unwrap_or(Gaps::Numbered(message.variables.len()));
    if message.variables.len() != gaps.count() {
        let reason =
            format!("the template has {} variables, the message {}", gaps.count(), message.variables.len());
        return unfit("template_variables", reason);
    }
    if let Some(empty) = message.variables.iter().position(|value| value.trim().is_empty()) {
        return unfit("template_variables", format!("variable {} is empty", empty + 1));
    }
    Ok(match gaps {
        Gaps::Named(names) => names,
        Gaps::Numbered(_) => Vec::new(),
    })
}

fn header(message: &TemplateMessage, template: &Template) -> Result<(), Unfit> {
    let format = template.header.get("format").and_then(Value::as_str).unwrap_or_default();
    let text = template.header.get("text").and_then(Value::as_str).unwrap_or_default();
    let wanted = match format {
        "text" if gaps(text).is_ok_and(|gaps| gaps.count() == 1) => "text",
        "text" => "",
        other => other,
    };
    let given = match message.header.as_deref() {
        None => "",
        Some(TemplateHeader::Text { .. }) => "text",
        Some(TemplateHeader::Location(_)) => "location",
        Some(TemplateHeader::Media(file)) => match file.media {
            MediaKind::Image => "image",
            MediaKind::Video => "video",
            MediaKind::Document => "document",
            MediaKind::Audio | MediaKind::Sticker => "a kind of file that no header shows",
        },
    };
    if wanted == given {
        return Ok(());
    }
    let shown = |word: &str| if word.is_empty() { "nothing".to_owned() } else { word.to_owned() };
    let reason = format!("the template's header takes {}, the message has {}", shown(wanted), shown(given));
    unfit("template_header", reason)
}

fn buttons(message: &TemplateMessage, template: &Template) -> Result<(), Unfit> {
    for filled in &message.buttons {
        let button = template.buttons.get(usize::from(filled.index));
        let kind = button.and_then(|button| button.get("type")).and_then(Value::as_str).unwrap_or_default();
        let fits = match filled.value {
            TemplateValue::Payload(_) => kind == "quick_reply",
            TemplateValue::UrlSuffix(_) => kind == "url" && has_gap(button),
            TemplateValue::Code(_) => kind == "copy_code",
        };
        if !fits {
            return unfit("template_buttons", format!("button {} takes no such value", filled.index));
        }
    }
    for (index, button) in template.buttons.iter().enumerate() {
        let kind = button.get("type").and_then(Value::as_str).unwrap_or_default();
        let needs = kind == "copy_code" || (kind == "url" && has_gap(Some(button)));
        let filled = message.buttons.iter().filter(|filled| usize::from(filled.index) == index).count();
        if filled > 1 || (needs && filled == 0) {
            return unfit("template_buttons", format!("button {index} needs one value"));
        }
    }
    Ok(())
}

fn has_gap(button: Option<&Value>) -> bool {
    let url = button.and_then(|button| button.get("url")).and_then(Value::as_str).unwrap_or_default();
    url.contains("{{")
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::TemplateButton;
    use serde_json::json;

    use super::*;

    fn translation(language: &str, status: &str) -> Template {
        serde_json::from_value(json!({
            "name": "order", "language": language, "category": "utility", "status": status,
            "header": { "format": "image" }, "body": "Hello {{name}}, {{order}} is ready.",
            "buttons": [
                { "type": "quick_reply", "text": "Thanks" },
                { "type": "url", "text": "Track", "url": "https://shop.example/{{1}}" },
            ],
        }))
        .unwrap()
    }

    fn message(language: &str) -> TemplateMessage {
        serde_json::from_value(json!({
            "name": "order", "language": language, "variables": ["Ada", "1002"],
            "header": { "type": "media", "media": "image", "url": "https://cdn.example/a.png" },
            "buttons": [{ "index": 1, "url_suffix": "1002" }],
        }))
        .unwrap()
    }

    fn code(message: &TemplateMessage, translations: &[Template]) -> &'static str {
        fit(message, translations, None).map_or_else(|unfit| unfit.code, |_| "fits")
    }

    #[test]
    fn a_language_that_is_named_is_that_one_and_one_that_is_not_suits_the_contact() {
        let all =
            [translation("en_US", "approved"), translation("de", "approved"), translation("fr", "paused")];
        let chosen = |locale| fit(&message(""), &all, locale).unwrap().language;
        assert_eq!(chosen(Some("de-AT")), "de");
        assert_eq!(chosen(Some("en")), "en_US");
        assert_eq!((chosen(Some("fr")), chosen(None)), ("en_US".into(), "en_US".into()));
        assert_eq!(code(&message("en"), &all), "template_language");
        assert_eq!(code(&message("fr"), &all), "template_paused");
        assert_eq!(code(&message("it"), &[]), "fits");
        assert_eq!(code(&message(""), &[]), "template_unknown");
    }

    #[test]
    fn what_fills_it_is_counted_and_looked_at() {
        let all = [translation("en", "approved")];
        assert_eq!(fit(&message("en"), &all, None).unwrap().names, ["name", "order"]);
        let with = |change: fn(&mut TemplateMessage)| {
            let mut message = message("en");
            change(&mut message);
            code(&message, &all)
        };
        assert_eq!(with(|it| it.variables.truncate(1)), "template_variables");
        assert_eq!(with(|it| it.variables[1] = " ".into()), "template_variables");
        assert_eq!(with(|it| it.header = None), "template_header");
        assert_eq!(with(|it| it.buttons.clear()), "template_buttons");
        assert_eq!(with(|it| it.buttons[0].index = 7), "template_buttons");
        assert_eq!(
            with(|it| {
                let value = TemplateValue::Payload("thanks".into());
                it.buttons.push(TemplateButton { index: 0, value });
            }),
            "fits"
        );
        assert_eq!(code(&message("en"), &[translation("en", "rejected")]), "template_not_approved");
    }
}
