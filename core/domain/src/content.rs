//! What a message holds, in words that no single network owns.

use std::{borrow::Cow, fmt::Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Failure, template::TemplateMessage};

/// The content of one message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// An image, video, voice note or file.
    Media(Media),
    /// Several files that belong together.
    Album {
        /// The files, in order.
        items: Vec<Media>,
    },
    /// A place.
    Location(Location),
    /// A person's card.
    Contact(ContactCard),
    /// A text with things to choose from.
    Choice(Choice),
    /// A message that the provider approved beforehand.
    Template(TemplateMessage),
    /// A payload for one kind of channel, passed on as it is.
    Structured {
        /// The payload.
        payload: serde_json::Value,
    },
}

/// A text with options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The text above the options.
    pub text: String,
    /// What can be chosen, in order.
    pub options: Vec<ChoiceOption>,
    /// How the options are shown where the channel can.
    #[serde(default)]
    pub style: ChoiceStyle,
    /// The label that opens a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// How options are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceStyle {
    /// Buttons below the text.
    #[default]
    Buttons,
    /// A list that opens.
    List,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceOption {
    /// What comes back when it is chosen.
    pub id: String,
    /// What the person reads.
    pub title: String,
    /// A line below the title, in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound, voice notes included.
    Audio,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
}

impl MediaKind {
    /// The word in `channel_messages.kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// A file, known by the provider's reference, by an address, or by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What kind of file.
    pub media: MediaKind,
    /// The provider's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
    /// Where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its declared type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Its declared size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digest the provider declared, in the form it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The text that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Whether it is a voice note.
    #[serde(default)]
    pub voice: bool,
    /// Why the provider could not hand it over, where it could not: there is neither reference nor address then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A person's card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactCard {
    /// The name as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Telephone numbers as they came.
    #[serde(default)]
    pub phones: Vec<String>,
    /// E-mail addresses as they came.
    #[serde(default)]
    pub emails: Vec<String>,
    /// What else is known of the person, an object in the words of the network: WhatsApp's `org`, `addresses`, `urls` and
    /// `birthday`, and the `vcard` of either network that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// How the key of an option begins whose id is too long for its network.
const KEY: char = '~';

/// Whether this may be the key of an option in the place of its id.
pub fn is_option_key(payload: &str) -> bool {
    payload.strip_prefix(KEY).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

impl ChoiceOption {
    /// What a button carries on a network that takes `max` bytes (at least 33): the id, or a key made of it. The key is
    /// the same every time, so whoever has the message that offered it finds the option again ([`Choice::by_key`]).
    pub fn key(&self, max: usize) -> Cow<'_, str> {
        if self.id.len() <= max {
            return Cow::Borrowed(&self.id);
        }
        let digest = Sha256::digest(self.id.as_bytes());
        let mut key = String::with_capacity(33);
        key.push(KEY);
        for byte in &digest[..16] {
            // Writing to a text cannot fail.
            let _written = write!(key, "{byte:02x}");
        }
        Cow::Owned(key)
    }
}

impl Choice {
    /// The option whose [key](ChoiceOption::key) this is.
    pub fn by_key(&self, key: &str) -> Option<&ChoiceOption> {
        self.options.iter().find(|option| option.key(0) == key)
    }

    /// The option meant by a typed answer: its title (letter case and outer space aside), or its number from 1,
    /// as in `2`, `2.`, `2)` or `#2`. A title wins over a number, so that an option called "3" can be typed.
    pub fn resolve(&self, typed: &str) -> Option<&ChoiceOption> {
        let typed = typed.trim();
        let folded = typed.to_lowercase();
        let by_title = self.options.iter().find(|option| option.title.trim().to_lowercase() == folded);
        if by_title.is_some() {
            return by_title;
        }
        let digits = typed.strip_prefix('#').unwrap_or(typed);
        let digits = digits.strip_suffix(['.', ')']).unwrap_or(digits).trim_end();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: usize = digits.parse().ok()?;
        self.options.get(number.checked_sub(1)?)
    }
}

impl Content {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The word in `channel_messages.kind`. Several files are of the kind of the first.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Media(file) => file.media.as_str(),
            Self::Album { items } => items.first().map_or("image", |file| file.media.as_str()),
            Self::Location(_) => "location",
            Self::Contact(_) => "contact",
            Self::Choice(_) | Self::Structured { .. } => "interactive",
            Self::Template { .. } => "template",
        }
    }

    /// The files in it, in order.
    pub fn files(&self) -> &[Media] {
        match self {
            Self::Media(file) => std::slice::from_ref(file),
            Self::Album { items } => items,
            _ => &[],
        }
    }

    /// The text a person would read in it, if any: the text, the caption, the line above options.
    pub fn plain_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            Self::Media(media) => media.caption.as_deref(),
            Self::Album { items } => items.iter().find_map(|file| file.caption.as_deref()),
            Self::Choice(choice) => Some(&choice.text),
            Self::Location(place) => place.name.as_deref().or(place.address.as_deref()),
            Self::Contact(card) => card.name.as_deref(),
            Self::Template { .. } | Self::Structured { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(titles: &[&str]) -> Choice {
        let options = titles.iter().enumerate().map(|(index, title)| ChoiceOption {
            id: format!("id{}", index + 1),
            title: (*title).to_owned(),
            description: None,
        });
        Choice { text: "Which?".into(), options: options.collect(), style: ChoiceStyle::Buttons, label: None }
    }

    fn resolved(choice: &Choice, typed: &str) -> Option<String> {
        choice.resolve(typed).map(|option| option.id.clone())
    }

    #[test]
    fn a_number_or_a_title_names_an_option() {
        let choice = colours(&["Red", "Grün", "Deep Blue"]);
        for typed in ["2", " 2 ", "2.", "2)", "#2", "grün", "GRÜN\n"] {
            assert_eq!(resolved(&choice, typed).as_deref(), Some("id2"), "{typed:?}");
        }
        assert_eq!(resolved(&choice, "deep blue").as_deref(), Some("id3"));
    }

    #[test]
    fn anything_else_names_none() {
        let choice = colours(&["Red", "Green"]);
        for typed in ["", " ", "0", "3", "-1", "+1", "1.5", "99999999999999999999999", "re", ".", "#"] {
            assert_eq!(resolved(&choice, typed), None, "{typed:?}");
        }
    }

    #[test]
    fn an_id_that_is_too_long_has_a_key_that_leads_back_to_it() {
        let long = "order:".repeat(20);
        let mut choice = colours(&["Red", "Green"]);
        choice.options[1].id.clone_from(&long);
        assert_eq!(choice.options[0].key(64), "id1");
        let key = choice.options[1].key(64).into_owned();
        assert!(is_option_key(&key) && key.len() == 33, "{key}");
        assert_eq!(choice.by_key(&key).map(|option| option.id.as_str()), Some(long.as_str()));
        assert_eq!(choice.by_key("~00000000000000000000000000000000"), None);
        for other in ["", "~", "id1", "~0000000000000000000000000000000G"] {
            assert!(!is_option_key(other), "{other}");
        }
    }

    #[test]
    fn a_title_wins_over_a_number() {
        let choice = colours(&["2", "1"]);
        assert_eq!(resolved(&choice, "2").as_deref(), Some("id1"));
    }
}
