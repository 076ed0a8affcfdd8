//! Contents as Block Kit blocks.

use botbuilder_adapter_kit::planner::split;
use botbuilder_domain::{Choice, ChoiceStyle, Media, channel::TextUnit};
use serde_json::{Value, json};

use crate::mrkdwn::escape;

/// The longest text of a section, in characters, after escaping.
const SECTION_MAX: usize = 3000;
/// Escaping makes at most five characters of one.
const ESCAPED_MAX: usize = 5;
/// The placeholder of a list where the flow gives no label.
const LIST_LABEL: &str = "Options";
/// The longest placeholder.
const PLACEHOLDER_MAX: usize = 150;
/// The longest values of a button and of an entry of a menu, in bytes. In the place of a longer one stands its key.
const BUTTON_VALUE_MAX: usize = 2000;
const OPTION_VALUE_MAX: usize = 150;
/// The longest description of an image.
const ALT_MAX: usize = 2000;

/// A text, as one section or, where escaping makes it too long for one, as several.
pub(crate) fn sections(text: &str) -> Vec<Value> {
    let max =
        if escape(text).chars().count() <= SECTION_MAX { SECTION_MAX } else { SECTION_MAX / ESCAPED_MAX };
    let pieces = split(text, max, TextUnit::Chars).into_iter().filter(|piece| !piece.trim().is_empty());
    pieces
        .map(|piece| json!({ "type": "section", "text": { "type": "mrkdwn", "text": escape(piece) } }))
        .collect()
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": true })
}

/// A text with buttons or a menu below it.
pub(crate) fn choice(choice: &Choice) -> Value {
    let mut blocks = sections(&choice.text);
    let elements: Vec<Value> = match choice.style {
        ChoiceStyle::Buttons => {
            let buttons = choice.options.iter().enumerate().map(|(index, option)| {
                json!({
                    "type": "button",
                    "action_id": format!("choice_{index}"),
                    "text": plain(&option.title),
                    "value": option.key(BUTTON_VALUE_MAX),
                })
            });
            buttons.collect()
        }
        ChoiceStyle::List => {
            let options = choice.options.iter().map(|option| {
                let mut shown =
                    json!({ "text": plain(&option.title), "value": option.key(OPTION_VALUE_MAX) });
                if let Some(description) = &option.description {
                    shown["description"] = plain(description);
                }
                shown
            });
            let label = choice.label.as_deref().unwrap_or(LIST_LABEL);
            let label: String = label.chars().take(PLACEHOLDER_MAX).collect();
            vec![json!({
                "type": "static_select",
                "action_id": "choice",
                "placeholder": plain(&label),
                "options": options.collect::<Vec<_>>(),
            })]
        }
    };
    blocks.push(json!({ "type": "actions", "elements": elements }));
    blocks.into()
}

/// An image, with its caption above it. None where it has neither an address nor a file at Slack.
pub(crate) fn image(file: &Media) -> Option<Value> {
    let mut image = match (&file.provider_ref, &file.url) {
        (Some(id), _) => json!({ "type": "image", "slack_file": { "id": id } }),
        (None, Some(url)) => json!({ "type": "image", "image_url": url }),
        (None, None) => return None,
    };
    let told = file.caption.as_deref().or(file.file_name.as_deref()).unwrap_or("image");
    image["alt_text"] = told.chars().take(ALT_MAX).collect::<String>().into();
    let mut blocks = file.caption.as_deref().map(sections).unwrap_or_default();
    blocks.push(image);
    Some(blocks.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_escaping_makes_long_becomes_several_sections() {
        assert_eq!(sections(&"a".repeat(3000)).len(), 1);
        let many = sections(&"& ".repeat(1500));
        assert!(many.len() > 1);
        let shown: usize = many.iter().map(|block| block["text"]["text"].as_str().unwrap().len()).sum();
        assert_eq!(shown, 1500 * 6);
        assert!(many.iter().all(|block| block["text"]["text"].as_str().unwrap().len() <= SECTION_MAX));
    }
}
