//! What an Instagram message holds.

use botbuilder_adapter_kit::json::as_text;
use botbuilder_domain::{Content, Media, MediaKind};
use serde_json::{Value, json};

use crate::wire::{Attachment, Message, read};

/// Attachments that refer to something on Instagram, of which only the address is given.
const SHARED: [&str; 11] = [
    "media",
    "share",
    "ig_post",
    "reel",
    "ig_reel",
    "story",
    "ig_story",
    "story_mention",
    "template",
    "fallback",
    "ephemeral",
];

/// What a message holds: its files together, the first with the text; then whatever else is attached; or its text. Empty
/// where nothing is understood.
pub(crate) fn of(message: &Message) -> Vec<Content> {
    let attachments = message.attachments.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut files, mut contents) = (Vec::new(), Vec::new());
    for content in attachments.iter().filter_map(attachment) {
        match content {
            Content::Media(file) => files.push(file),
            other => contents.push(other),
        }
    }
    let text = message.text.clone().filter(|text| !text.trim().is_empty());
    let first = match files.first_mut() {
        Some(file) => {
            file.caption = text;
            Some(match <[Media; 1]>::try_from(files) {
                Ok([file]) => Content::Media(file),
                Err(items) => Content::Album { items },
            })
        }
        None => text.map(Content::text),
    };
    first.into_iter().chain(contents).collect()
}

fn attachment(value: &Value) -> Option<Content> {
    let attachment: Attachment = read(value)?;
    let kind = attachment.kind?;
    let media = match kind.as_str() {
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        "file" => MediaKind::Document,
        "like_heart" => return Some(Content::text("❤️")),
        shared if SHARED.contains(&shared) => {
            return Some(Content::Structured {
                payload: json!({ "type": shared, shared: attachment.payload }),
            });
        }
        _ => return None,
    };
    let field = |name: &str| attachment.payload.as_ref()?.get(name).and_then(as_text);
    Some(Content::Media(Media {
        media,
        provider_ref: field("attachment_id"),
        url: Some(field("url")?),
        mime_type: None,
        file_name: None,
        size: None,
        sha256: None,
        caption: None,
        voice: false,
        failure: None,
    }))
}
