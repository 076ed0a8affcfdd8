//! What is done with a message outside the reply window: the setting `outside_window` of a channel.

use botbuilder_domain::{Content, TemplateMessage};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How long a message is held where the setting does not say.
const HELD_HOURS: u32 = 72;
/// The longest it may say.
const HELD_HOURS_MAX: u32 = 30 * 24;
/// The longest value of a template's variable: all of them have to fit into its text.
const VALUE_MAX: usize = 600;

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum OutsideWindow {
    /// The message is refused, with the reason.
    Refuse,
    /// It waits until the contact writes.
    Hold {
        /// For so long; then it expires.
        at_most: TimeDelta,
    },
    /// An approved template goes out in its place. Its variables are filled by [`OutsideWindow::in_its_place`].
    Template(TemplateMessage),
}

/// The setting as an object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    policy: String,
    hours: Option<u32>,
    template: Option<TemplateMessage>,
}

/// What is known of a contact, for the variables of a template.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The name as it is shown.
    pub name: Option<String>,
    /// The name on the network.
    pub username: Option<String>,
    /// What is kept with the contact, an object.
    pub attributes: Value,
}

impl OutsideWindow {
    /// What a channel's settings say: `"refuse"` (also where they say nothing), `"hold"`, `{"policy": "hold", "hours":
    /// 72}`, or `{"policy": "template", "template": {"name", "language", "variables": ["{{ text }}"]}}`. The error is a
    /// sentence.
    pub fn of(settings: &Map<String, Value>) -> Result<Self, String> {
        let written = match settings.get("outside_window") {
            None | Some(Value::Null) => return Ok(Self::Refuse),
            Some(Value::String(policy)) => Written { policy: policy.clone(), hours: None, template: None },
            Some(object) => Written::deserialize(object).map_err(|error| error.to_string())?,
        };
        let Written { policy, hours, template } = written;
        match (policy.as_str(), hours, template) {
            ("refuse", None, None) => Ok(Self::Refuse),
            ("hold", hours, None) => match hours.unwrap_or(HELD_HOURS) {
                hours @ 1..=HELD_HOURS_MAX => Ok(Self::Hold { at_most: TimeDelta::hours(hours.into()) }),
                _ => Err(format!("`hours` must be 1 to {HELD_HOURS_MAX}")),
            },
            ("template", None, Some(template)) if !template.name.is_empty() => Ok(Self::Template(template)),
            ("template", ..) => Err("a `template` with a name must be there, and no `hours`".into()),
            _ => Err("must be refuse, hold or template".into()),
        }
    }

    /// The template that goes out in the place of a content. Its gaps may hold `{{ text }}`, `{{ contact.name }}`, `{{
    /// contact.username }}` and `{{ contact.attributes.x }}`, each with a word for where there is nothing behind `|`.
    pub fn in_its_place(template: &TemplateMessage, content: &Content, about: &About) -> TemplateMessage {
        let filled: Vec<String> = template.fillings().map(|gap| fill(gap, content, about)).collect();
        template.refilled(filled)
    }
}

fn fill(gap: &str, content: &Content, about: &About) -> String {
    let (mut filled, mut rest) = (String::new(), gap);
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((inside, behind)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        let (name, otherwise) = inside.split_once('|').unwrap_or((inside, ""));
        let value = value(name.trim(), content, about).filter(|value| !value.trim().is_empty());
        filled.push_str(&value.unwrap_or_else(|| otherwise.trim().to_owned()));
        rest = behind;
    }
    filled.push_str(rest);
    filled.chars().take(VALUE_MAX).collect()
}

fn value(name: &str, content: &Content, about: &About) -> Option<String> {
    match name {
        "text" => content.plain_text().map(str::to_owned),
        "contact.name" => about.name.clone(),
        "contact.username" => about.username.clone(),
        other => match about.attributes.get(other.strip_prefix("contact.attributes.")?)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(setting: Value) -> Result<OutsideWindow, String> {
        OutsideWindow::of(&Map::from_iter([("outside_window".to_owned(), setting)]))
    }

    #[test]
    fn the_setting_is_a_word_or_an_object() {
        assert_eq!(OutsideWindow::of(&Map::new()), Ok(OutsideWindow::Refuse));
        assert_eq!(read(json!("hold")), Ok(OutsideWindow::Hold { at_most: TimeDelta::hours(72) }));
        let hours = json!({ "policy": "hold", "hours": 5 });
        assert_eq!(read(hours), Ok(OutsideWindow::Hold { at_most: TimeDelta::hours(5) }));
        let template = json!({ "policy": "template", "template": { "name": "hello", "language": "en" } });
        assert!(matches!(read(template), Ok(OutsideWindow::Template(_))));
        for wrong in [
            json!("template"),
            json!("wait"),
            json!(7),
            json!({ "policy": "hold", "hours": 0 }),
            json!({ "policy": "refuse", "hours": 1 }),
            json!({ "policy": "hold", "for": 1 }),
            json!({ "policy": "template", "template": { "name": "" } }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn gaps_are_filled_with_what_is_known() {
        let template: TemplateMessage = serde_json::from_value(json!({
            "name": "hello", "language": "en",
            "variables": ["{{ contact.name | there }}", "{{text}}", "no {{ contact.attributes.order }}!", "{{ odd"],
        }))
        .unwrap();
        let about = About { attributes: json!({ "order": 7 }), ..About::default() };
        let filled = OutsideWindow::in_its_place(&template, &Content::text("it is ready"), &about);
        assert_eq!(filled.variables, ["there", "it is ready", "no 7!", " odd"]);
        let about = About { name: Some("Ada".into()), ..About::default() };
        let long = Content::text("x".repeat(5000));
        let filled = OutsideWindow::in_its_place(&template, &long, &about);
        assert_eq!((filled.variables[0].as_str(), filled.variables[1].len()), ("Ada", VALUE_MAX));
        assert_eq!(filled.variables[2], "no !");
    }
}
