//! The WhatsApp Cloud API channel.
//!
//! `inbound` reads webhooks, `outbound` writes sends, `settings` says what an account has to hold.

mod identity;
mod inbound;
mod media;
mod message;
mod outbound;
mod settings;
mod setup;
mod standing;
mod template;
mod templates;
mod wire;

pub use settings::{DEFAULT_API_VERSION, DEFAULT_BASE_URL};

use std::time::Duration;

use botbuilder_adapter_kit::{Channel, Files, HttpChannel, Rate, Rates, Setup, Templates, Webhook};
use botbuilder_domain::{Capabilities, ChannelKind, channel::TextUnit};

/// The channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whatsapp;

impl Channel for Whatsapp {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Whatsapp
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            text_max: 4096,
            text_unit: TextUnit::Chars,
            caption_max: 1024,
            buttons_max: 3,
            button_title_max: 20,
            // A button's id may have 256 characters, a row's 200; a choice may become either.
            button_payload_max: 200,
            // A list's body may have 4096 characters, that of buttons 1024; a choice may become either.
            choice_text_max: 1024,
            list_rows_max: 10,
            row_title_max: 24,
            row_description_max: 72,
            media: true,
            album_max: 0,
            album_pictures_only: false,
            location: true,
            contact_card: true,
            delivered_receipts: true,
            read_receipts: true,
            reply_window_hours: Some(24),
            person_window_hours: None,
        }
    }

    /// 80 messages a second for a number; a burst of 45 to one person, who has to wait 6 s a message afterwards
    /// (`channels.md` 1.12).
    fn rates(&self) -> Rates {
        Rates {
            account: Some(Rate::per_second(80, 8)),
            recipient: Some(Rate { every: Duration::from_secs(6), burst: 45 }),
        }
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        Some(self)
    }

    fn http(&self) -> Option<&dyn HttpChannel> {
        Some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn templates(&self) -> Option<&dyn Templates> {
        Some(self)
    }

    fn setup(&self) -> Option<&dyn Setup> {
        Some(self)
    }
}
