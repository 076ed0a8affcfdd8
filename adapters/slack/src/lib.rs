//! The Slack channel.
//!
//! `inbound` reads callbacks (events, interactions, slash commands), `outbound` writes calls of Web API methods,
//! `settings` says what an account has to hold, `setup` connects a workspace, `socket` is Socket Mode. A message's provider id is `{channel}:{ts}`, because a `ts` is
//! unique within its channel only. The types of payloads are our own ([ADR 4](../../docs/adr/0004-slack-types.md)).

mod blocks;
mod body;
mod content;
mod event;
mod inbound;
mod interaction;
mod joining;
mod media;
mod mrkdwn;
mod names;
mod outbound;
mod refusal;
mod response_url;
mod settings;
mod setup;
mod signature;
mod socket;
mod wire;

pub use settings::DEFAULT_BASE_URL;
pub use signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, WINDOW, sign};

use botbuilder_adapter_kit::{Channel, Files, HttpChannel, Names, Rate, Rates, Setup, Source, Webhook};
use botbuilder_domain::{Capabilities, ChannelKind, channel::TextUnit};

/// The channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slack;

impl Channel for Slack {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Slack
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Beyond about 4 040 Slack makes several messages of one.
            text_max: 4000,
            text_unit: TextUnit::Chars,
            caption_max: 3000,
            buttons_max: 25,
            button_title_max: 75,
            // A button carries 2 000, an option of a list 150; a longer id goes as its key, by which it is found again.
            button_payload_max: 4096,
            choice_text_max: 3000,
            list_rows_max: 100,
            row_title_max: 75,
            row_description_max: 75,
            media: true,
            album_max: 10,
            album_pictures_only: false,
            location: false,
            contact_card: false,
            delivered_receipts: false,
            read_receipts: false,
            reply_window_hours: None,
            person_window_hours: None,
        }
    }

    /// Several hundred messages a minute for a workspace, one a second in a channel, where short bursts pass
    /// (`channels.md` 4.10).
    fn rates(&self) -> Rates {
        Rates { account: Some(Rate::per_second(5, 50)), recipient: Some(Rate::per_second(1, 10)) }
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

    fn source(&self) -> Option<Source<'_>> {
        Some(Source::Socket(self))
    }

    fn names(&self) -> Option<&dyn Names> {
        Some(self)
    }

    fn setup(&self) -> Option<&dyn Setup> {
        Some(self)
    }
}
