//! What a Slack message holds, and when it was written.

use botbuilder_domain::{Content, Media, MediaKind};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    mrkdwn,
    wire::{File, Message, read},
};

/// What a message holds: its files, the first with the text beside it, or its text. None where there is neither.
pub(crate) fn of(message: &Message, bot: Option<&str>) -> Option<Content> {
    let text = message.text.as_deref().map(|text| mrkdwn::plain(text, bot)).filter(|text| !text.is_empty());
    let files = message.files.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut files: Vec<Media> = files.iter().filter_map(file).collect();
    match files.first_mut() {
        Some(first) => first.caption = text,
        None => return text.map(Content::text),
    }
    Some(match <[Media; 1]>::try_from(files) {
        Ok([file]) => Content::Media(file),
        Err(items) => Content::Album { items },
    })
}

/// A file that is there. Of one that was taken down (`tombstone`) or lies beyond the plan's limit nothing is left.
fn file(value: &Value) -> Option<Media> {
    let file: File = read(value)?;
    if matches!(file.mode.as_deref(), Some("tombstone" | "hidden_by_limit")) {
        return None;
    }
    let voice = file.subtype.as_deref() == Some("slack_audio");
    let media = match file.mimetype.as_deref().unwrap_or_default().split('/').next() {
        _ if voice => MediaKind::Audio,
        Some("image") => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::Document,
    };
    Some(Media {
        media,
        provider_ref: Some(file.id?),
        // Without either it is asked for by its id (`file_access: check_file_info`).
        url: file.url_private_download.or(file.url_private),
        mime_type: file.mimetype,
        file_name: file.name.or(file.title),
        size: file.size.and_then(|size| u64::try_from(size).ok()),
        sha256: None,
        caption: None,
        voice,
        failure: None,
    })
}

/// The instant of a `ts`, seconds and microseconds as text. It never passes through a float.
pub(crate) fn instant(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let micros: u32 = format!("{fraction:0<6}").parse().ok()?;
    DateTime::from_timestamp(seconds.parse().ok()?, micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_is_read_to_the_microsecond() {
        let read = |ts: &str| instant(ts).map(|instant| instant.timestamp_micros());
        assert_eq!(read("1700000000.123456"), Some(1_700_000_000_123_456));
        assert_eq!(read("1700000000.1"), Some(1_700_000_000_100_000));
        assert_eq!(read("1700000000"), Some(1_700_000_000_000_000));
        for other in ["", ".", "-1.0", "1.0000000", "1e3", "9999999999999999999.0", "x"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
