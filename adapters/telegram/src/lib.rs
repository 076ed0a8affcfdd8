//! The Telegram Bot API channel.
//!
//! `inbound` reads updates, `outbound` writes method calls, `settings` says what an account has to hold; `setup` connects
//! a bot, and `source` fetches its updates where that is asked for.
//! A message's provider id is `{chat id}:{message id}`, because Telegram numbers messages per chat.

mod checkout;
mod content;
mod inbound;
mod media;
mod methods;
mod outbound;
mod refusal;
mod settings;
mod setup;
mod source;
mod wire;

pub use inbound::SECRET_HEADER;
pub use settings::{ALLOWED_UPDATES, DEFAULT_BASE_URL, is_valid_secret_token};

use std::time::Duration;

use botbuilder_adapter_kit::{Channel, Files, HttpChannel, Rate, Rates, Setup, Source, Webhook};
use botbuilder_domain::{Capabilities, ChannelKind, channel::TextUnit};

/// The channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telegram;

impl Channel for Telegram {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Telegram
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            text_max: 4096,
            text_unit: TextUnit::Utf16,
            caption_max: 1024,
            // Not published; 100 buttons are what clients have been seen to show.
            buttons_max: 100,
            button_title_max: 64,
            // Telegram takes 64 bytes; a longer id goes as its key, by which the button is found again.
            button_payload_max: 4096,
            choice_text_max: 4096,
            // Rows of an inline keyboard are buttons.
            list_rows_max: 0,
            row_title_max: 0,
            row_description_max: 0,
            media: true,
            album_max: 10,
            album_pictures_only: false,
            location: true,
            contact_card: true,
            delivered_receipts: false,
            read_receipts: false,
            reply_window_hours: None,
            person_window_hours: None,
        }
    }

    /// About 30 messages a second over all chats, one a second in a chat, where short bursts pass (`channels.md` 3.7).
    fn rates(&self) -> Rates {
        Rates { account: Some(Rate::per_second(30, 10)), recipient: Some(Rate::per_second(1, 20)) }
    }

    /// 20 messages a minute in a group, whose number is negative.
    fn rates_for(&self, recipient: &str) -> Rates {
        let group = Rate { every: Duration::from_secs(3), burst: 20 };
        let rates = self.rates();
        if recipient.starts_with('-') { Rates { recipient: Some(group), ..rates } } else { rates }
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
        Some(Source::Poll(self))
    }

    fn setup(&self) -> Option<&dyn Setup> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::{Account, account::Credentials};
    use botbuilder_domain::{ChannelId, ChannelKind, OrgId, Secret};
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn groups_are_slower_than_people() {
        let every = |to: &str| Telegram.rates_for(to).recipient.unwrap().every.as_secs();
        assert_eq!((every("42"), every("-1001234567890"), every("@channel")), (1, 3, 1));
        assert_eq!(Telegram.rates_for("-1").account, Telegram.rates().account);
    }

    /// An account for tests.
    pub(crate) fn account() -> Account {
        let credentials = json!({ "bot_token": "7000000001:token-for-tests" });
        Account {
            org: OrgId::new(Uuid::nil()),
            bot: None,
            channel: ChannelId::new(Uuid::nil()),
            kind: ChannelKind::Telegram,
            public_id: "main".into(),
            provider_account_id: None,
            settings: Map::new(),
            credentials: Credentials::from_object(credentials.as_object().unwrap()),
            webhook_secrets: vec![Secret::new("secret_token_for_tests".into())],
        }
    }
}
