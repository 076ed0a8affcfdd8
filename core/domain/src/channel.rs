//! Which networks there are, and what each can carry.

use serde::{Deserialize, Serialize};

/// A messaging network. The word is what `channels.type` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// WhatsApp Cloud API.
    Whatsapp,
    /// Instagram Messaging.
    Instagram,
    /// Telegram Bot API.
    Telegram,
    /// Slack.
    Slack,
    /// The chat on a website.
    Web,
}

impl ChannelKind {
    /// Every kind, in the order they are shown.
    pub const ALL: [Self; 5] = [Self::Web, Self::Instagram, Self::Slack, Self::Telegram, Self::Whatsapp];

    /// The word in `channels.type` and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Instagram => "instagram",
            Self::Telegram => "telegram",
            Self::Slack => "slack",
            Self::Web => "web",
        }
    }

    /// The kind of that name, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which unit a network counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl TextUnit {
    /// The length of `text` in this unit.
    pub fn len(self, text: &str) -> usize {
        match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// What a channel can show. Zero means: not at all.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing a channel can or cannot do")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Longest text of one message, in `text_unit`.
    pub text_max: usize,
    /// The unit of `text_max` and `caption_max`.
    pub text_unit: TextUnit,
    /// Longest caption of a media message.
    pub caption_max: usize,
    /// Most buttons of one message.
    pub buttons_max: usize,
    /// Longest title of a button, in characters.
    pub button_title_max: usize,
    /// Longest payload of a button, in bytes.
    pub button_payload_max: usize,
    /// Longest text above buttons or a list, in `text_unit`.
    pub choice_text_max: usize,
    /// Most rows of a list.
    pub list_rows_max: usize,
    /// Longest title of a list row, in characters.
    pub row_title_max: usize,
    /// Longest description of a list row, in characters.
    pub row_description_max: usize,
    /// Whether it shows images, video, audio and files.
    pub media: bool,
    /// Most files of one message.
    pub album_max: usize,
    /// Whether only pictures stand together in one message.
    pub album_pictures_only: bool,
    /// Whether it shows a place on a map.
    pub location: bool,
    /// Whether it shows a contact card.
    pub contact_card: bool,
    /// Whether it reports that a message arrived.
    pub delivered_receipts: bool,
    /// Whether it reports that a message was seen.
    pub read_receipts: bool,
    /// Hours after the contact's last message in which anything may be sent; none where there is no such rule.
    pub reply_window_hours: Option<u32>,
    /// Hours after the contact's last message in which a person may still write, where that is longer.
    pub person_window_hours: Option<u32>,
}
