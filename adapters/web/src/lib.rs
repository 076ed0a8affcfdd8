//! The chat on a website.
//!
//! It speaks our own protocol and is delivered by the hub, so there is neither a webhook nor a provider to
//! call. What is here is what it can show.

use botbuilder_adapter_kit::{Channel, HttpChannel, Webhook};
use botbuilder_domain::{Capabilities, ChannelKind, channel::TextUnit};

/// The channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Web;

impl Channel for Web {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Web
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Four bytes a character at most, so one message fits a frame of 64 KiB with room around it.
            text_max: 10_000,
            text_unit: TextUnit::Chars,
            caption_max: 4_000,
            buttons_max: 30,
            button_title_max: 80,
            button_payload_max: 1_000,
            choice_text_max: 4_000,
            list_rows_max: 100,
            row_title_max: 80,
            row_description_max: 200,
            media: true,
            album_max: 0,
            album_pictures_only: false,
            location: true,
            contact_card: true,
            delivered_receipts: true,
            read_receipts: true,
            reply_window_hours: None,
            person_window_hours: None,
        }
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        None
    }

    fn http(&self) -> Option<&dyn HttpChannel> {
        None
    }
}
