//! The Instagram Messaging channel.
//!
//! `inbound` reads notifications, `outbound` writes calls of the Send API, `settings` says what an account has to
//! hold. What it shares with WhatsApp is in `adapters/meta`.

mod content;
mod inbound;
mod media;
mod names;
mod outbound;
mod refusal;
mod settings;
mod setup;
mod wire;

pub use settings::{BASE_URL_FACEBOOK_LOGIN, BASE_URL_INSTAGRAM_LOGIN, DEFAULT_API_VERSION};

use botbuilder_adapter_kit::{Channel, Files, HttpChannel, Names, Rate, Rates, Setup, Webhook};
use botbuilder_domain::{Capabilities, ChannelKind, channel::TextUnit};

/// The channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instagram;

impl Channel for Instagram {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Instagram
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            text_max: 1000,
            text_unit: TextUnit::Bytes,
            caption_max: 0,
            // Quick replies; up to three are a template with buttons.
            buttons_max: 13,
            button_title_max: 20,
            button_payload_max: 1000,
            // Of a template with buttons; above quick replies 1 000 bytes would be possible.
            choice_text_max: 640,
            list_rows_max: 0,
            row_title_max: 0,
            row_description_max: 0,
            media: true,
            album_max: 10,
            album_pictures_only: true,
            location: false,
            contact_card: false,
            delivered_receipts: false,
            read_receipts: true,
            reply_window_hours: Some(24),
            person_window_hours: Some(7 * 24),
        }
    }

    /// 100 calls a second for an account (`channels.md` 2.7).
    fn rates(&self) -> Rates {
        Rates { account: Some(Rate::per_second(100, 10)), recipient: None }
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

    fn names(&self) -> Option<&dyn Names> {
        Some(self)
    }

    fn setup(&self) -> Option<&dyn Setup> {
        Some(self)
    }
}
