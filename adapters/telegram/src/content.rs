//! What a Telegram message holds.

use botbuilder_adapter_kit::json::as_text;
use botbuilder_domain::{ContactCard, Content, Location, Media, MediaKind};
use serde::{Deserialize as _, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::wire;

/// What a message turned out to be.
pub(crate) enum Holds {
    /// Something a person said.
    Content(Content),
    /// `/start`, with what the link carried.
    Start(Option<String>),
    /// Something about the account.
    Account(&'static str),
    /// Something about the chat.
    Service(&'static str),
    /// The chat has a new id from now on.
    MovedTo(String),
    /// Something that is not understood, with the provider's name for it.
    Unknown(String),
}

/// Keys of a message that tell something about the account.
const ACCOUNT: [&str; 5] =
    ["users_shared", "chat_shared", "write_access_allowed", "successful_payment", "refunded_payment"];

/// Keys of a message that tell something about the chat.
const SERVICE: [&str; 28] = [
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "message_auto_delete_timer_changed",
    "migrate_from_chat_id",
    "pinned_message",
    "connected_website",
    "proximity_alert_triggered",
    "boost_added",
    "chat_background_set",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
    "giveaway_created",
    "giveaway",
    "giveaway_winners",
];

/// Keys of a message that hold something a person said for which there is no content yet.
const NOT_YET: [&str; 10] = [
    "poll",
    "dice",
    "game",
    "story",
    "checklist",
    "paid_media",
    "live_photo",
    "rich_message",
    "gift",
    "invoice",
];

/// Looks for what a message holds, in the order in which keys exclude each other: an `animation` also fills
/// `document`, a `venue` also `location`.
pub(crate) fn of(message: &Value) -> Holds {
    if let Some(text) = message.get("text").and_then(Value::as_str) {
        return started(text).unwrap_or_else(|| Holds::Content(Content::text(text)));
    }
    if let Some(content) = media(message).or_else(|| other(message)) {
        return Holds::Content(content);
    }
    if let Some(new) = message.get("migrate_to_chat_id").and_then(as_text) {
        return Holds::MovedTo(new);
    }
    let present = |keys: &[&'static str]| keys.iter().copied().find(|key| message.get(key).is_some());
    if let Some(name) = present(&ACCOUNT) {
        return Holds::Account(name);
    }
    if let Some(name) = present(&SERVICE) {
        return Holds::Service(name);
    }
    Holds::Unknown(present(&NOT_YET).unwrap_or("message").to_owned())
}

/// `/start`, `/start payload`, and in groups `/start@name payload`.
fn started(text: &str) -> Option<Holds> {
    let rest = text.strip_prefix("/start")?;
    let (command, payload) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let ours = command.is_empty() || command.starts_with('@');
    let payload = payload.trim();
    ours.then(|| Holds::Start((!payload.is_empty()).then(|| payload.to_owned())))
}

fn media(message: &Value) -> Option<Content> {
    let caption = message.get("caption").and_then(as_text);
    let file = |media: MediaKind, value: &Value, mime: Option<&str>, voice: bool| {
        let file = wire::File::deserialize(value).ok()?;
        Some(Content::Media(Media {
            media,
            provider_ref: Some(file.file_id?),
            url: None,
            mime_type: file.mime_type.or_else(|| mime.map(str::to_owned)),
            file_name: file.file_name,
            size: file.file_size.and_then(|size| u64::try_from(size).ok()),
            sha256: None,
            caption: caption.clone(),
            voice,
            failure: None,
        }))
    };
    if let Some(sizes) = message.get("photo").and_then(Value::as_array) {
        return file(MediaKind::Image, largest(sizes)?, Some("image/jpeg"), false);
    }
    for key in ["animation", "video", "video_note"] {
        if let Some(value) = message.get(key) {
            return file(MediaKind::Video, value, Some("video/mp4"), false);
        }
    }
    if let Some(value) = message.get("voice") {
        return file(MediaKind::Audio, value, Some("audio/ogg"), true);
    }
    if let Some(value) = message.get("audio") {
        return file(MediaKind::Audio, value, None, false);
    }
    if let Some(value) = message.get("document") {
        return file(MediaKind::Document, value, None, false);
    }
    let sticker = message.get("sticker")?;
    let shape = wire::File::deserialize(sticker).ok()?;
    let mime = match (shape.is_animated, shape.is_video) {
        (true, _) => "application/x-tgsticker",
        (_, true) => "video/webm",
        _ => "image/webp",
    };
    file(MediaKind::Sticker, sticker, Some(mime), false)
}

/// The size with the most pixels: a photo comes in several.
fn largest(sizes: &[Value]) -> Option<&Value> {
    let side = |size: &Value, name: &str| size.get(name).and_then(Value::as_u64).unwrap_or(0);
    sizes.iter().max_by_key(|size| side(size, "width").saturating_mul(side(size, "height")))
}

fn other(message: &Value) -> Option<Content> {
    if let Some(venue) = message.get("venue") {
        let wire::Point { latitude, longitude } = read(venue.get("location")?)?;
        let text = |field: &str| venue.get(field).and_then(as_text);
        return Some(Content::Location(Location {
            latitude,
            longitude,
            name: text("title"),
            address: text("address"),
        }));
    }
    if let Some(location) = message.get("location") {
        let wire::Point { latitude, longitude } = read(location)?;
        return Some(Content::Location(Location { latitude, longitude, name: None, address: None }));
    }
    if let Some(card) = message.get("contact") {
        let card: wire::Card = read(card)?;
        let name: Vec<String> = card.first_name.into_iter().chain(card.last_name).collect();
        return Some(Content::Contact(ContactCard {
            name: (!name.is_empty()).then(|| name.join(" ")),
            phones: card.phone_number.into_iter().collect(),
            emails: Vec::new(),
            details: card.vcard.map(|vcard| json!({ "vcard": vcard })),
        }));
    }
    let data = message.get("web_app_data")?;
    Some(Content::Structured { payload: json!({ "type": "web_app_data", "web_app_data": data }) })
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_told_from_other_texts() {
        let payload = |text: &str| match started(text) {
            Some(Holds::Start(payload)) => Some(payload),
            _ => None,
        };
        assert_eq!(payload("/start"), Some(None));
        assert_eq!(payload("/start ad_7"), Some(Some("ad_7".into())));
        assert_eq!(payload("/start@shop_bot ad_7"), Some(Some("ad_7".into())));
        for other in ["/started", "start", " /start", "/stop", ""] {
            assert_eq!(payload(other), None, "{other:?}");
        }
    }
}
