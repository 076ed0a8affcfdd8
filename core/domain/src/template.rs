//! Messages that a provider approves beforehand: what one is sent with, and what the provider says of it.

use serde::{Deserialize, Serialize};

use crate::{Location, Media};

/// A message that the provider approved beforehand, with what fills its gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TemplateMessage {
    /// Its name at the provider.
    pub name: String,
    /// The exact language code of the approved translation. Empty: the one that suits the contact best.
    #[serde(default)]
    pub language: String,
    /// Values of the variables of its body, in order.
    #[serde(default)]
    pub variables: Vec<String>,
    /// The names of those variables, where the template has names in the place of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What fills its header, where that has a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Box<TemplateHeader>>,
    /// What fills its buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<TemplateButton>,
}

impl TemplateMessage {
    /// The texts that fill its gaps: of the body, the header, the buttons.
    pub fn fillings(&self) -> impl Iterator<Item = &str> {
        let header = match self.header.as_deref() {
            Some(TemplateHeader::Text { text }) => Some(text.as_str()),
            Some(TemplateHeader::Media(file)) => file.url.as_deref(),
            Some(TemplateHeader::Location(_)) | None => None,
        };
        let buttons = self.buttons.iter().map(|button| match &button.value {
            TemplateValue::Payload(text) | TemplateValue::UrlSuffix(text) | TemplateValue::Code(text) => text,
        });
        self.variables.iter().map(String::as_str).chain(header).chain(buttons.map(String::as_str))
    }

    /// The same with other texts in its gaps, in the order of [`Self::fillings`]; a gap for which none is left keeps
    /// its own.
    #[must_use]
    pub fn refilled(&self, texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts = texts.into_iter();
        let mut filled = self.clone();
        let mut refill = |gap: &mut String| {
            if let Some(text) = texts.next() {
                *gap = text;
            }
        };
        filled.variables.iter_mut().for_each(&mut refill);
        match filled.header.as_deref_mut() {
            Some(TemplateHeader::Text { text }) => refill(text),
            Some(TemplateHeader::Media(Media { url: Some(url), .. })) => refill(url),
            _ => {}
        }
        for button in &mut filled.buttons {
            match &mut button.value {
                TemplateValue::Payload(text) | TemplateValue::UrlSuffix(text) | TemplateValue::Code(text) => {
                    refill(text);
                }
            }
        }
        filled
    }
}

/// What fills a template's header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TemplateHeader {
    /// The value of its one variable.
    Text {
        /// The value.
        text: String,
    },
    /// A picture, film or document.
    Media(Media),
    /// A place.
    Location(Location),
}

/// What fills a button of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateButton {
    /// Which button it is, from 0.
    pub index: u8,
    /// What fills it.
    #[serde(flatten)]
    pub value: TemplateValue,
}

/// The kinds of values that a button takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateValue {
    /// What comes back when a quick reply is chosen.
    Payload(String),
    /// The end of a link's address.
    UrlSuffix(String),
    /// The code that is copied.
    Code(String),
}

/// How far a template is. The word is what `channel_templates.status` holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateStatus {
    /// Written here, not submitted.
    #[default]
    Draft,
    /// Submitted, or appealed.
    Pending,
    /// It may be sent.
    Approved,
    /// The provider refused it.
    Rejected,
    /// The provider does not let it be sent for a while, because people disliked it.
    Paused,
    /// It is not sent any more.
    Disabled,
}

impl TemplateStatus {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// What people think of a template. The word is what `channel_templates.quality` holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateQuality {
    /// Nobody can say yet.
    #[default]
    Unknown,
    /// They like it.
    Green,
    /// Some do not.
    Yellow,
    /// Many do not.
    Red,
}

impl TemplateQuality {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// What a template is for. The word is what `channel_templates.category` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateCategory {
    /// To sell.
    Marketing,
    /// About something that the person ordered.
    Utility,
    /// One-time codes.
    Authentication,
    /// Anything else, on networks that know it.
    Service,
}

impl TemplateCategory {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Utility => "utility",
            Self::Authentication => "authentication",
            Self::Service => "service",
        }
    }
}

/// What a provider says has changed about a template. What it does not speak of is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateChange {
    /// The provider's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Its name.
    pub name: String,
    /// The language of the translation; empty where all are meant, or the provider does not say.
    #[serde(default)]
    pub language: String,
    /// How far it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TemplateStatus>,
    /// What people think of it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<TemplateQuality>,
    /// What it is for, as the provider sees it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<TemplateCategory>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Content;

    #[test]
    fn a_template_is_written_as_it_was_before_it_had_headers_and_buttons() {
        let old = json!({ "kind": "template", "name": "a", "language": "en", "variables": ["x"] });
        let Content::Template(template) = serde_json::from_value(old.clone()).unwrap() else {
            unreachable!()
        };
        assert_eq!((template.header.is_none(), template.buttons.len()), (true, 0));
        assert_eq!(json!(Content::Template(template)), old);
    }

    #[test]
    fn a_button_is_its_place_and_one_value() {
        let button = TemplateButton { index: 1, value: TemplateValue::UrlSuffix("orders/7".into()) };
        let written = json!({ "index": 1, "url_suffix": "orders/7" });
        assert_eq!(json!(button), written);
        assert_eq!(serde_json::from_value::<TemplateButton>(written).unwrap(), button);
        let picture = json!({ "type": "media", "media": "image", "url": "https://cdn.example/a.png" });
        let header: TemplateHeader = serde_json::from_value(picture).unwrap();
        assert!(matches!(header, TemplateHeader::Media(_)));
    }
}
