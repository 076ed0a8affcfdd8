//! The list of channels. To add one, add a [`ChannelKind`] and follow the compiler here.

use botbuilder_adapter_instagram::Instagram;
use botbuilder_adapter_kit::Channel;
use botbuilder_adapter_slack::Slack;
use botbuilder_adapter_telegram::Telegram;
use botbuilder_adapter_web::Web;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::ChannelKind;

/// The channel of a kind.
pub fn channel(kind: ChannelKind) -> &'static dyn Channel {
    match kind {
        ChannelKind::Whatsapp => &Whatsapp,
        ChannelKind::Instagram => &Instagram,
        ChannelKind::Telegram => &Telegram,
        ChannelKind::Slack => &Slack,
        ChannelKind::Web => &Web,
    }
}

/// Every channel, to be handed to whatever needs them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Registry;

/// Every channel.
pub const fn registry() -> Registry {
    Registry
}

impl Registry {
    /// The channel of a kind.
    pub fn channel(self, kind: ChannelKind) -> &'static dyn Channel {
        channel(kind)
    }

    /// All of them, in the order they are shown.
    pub fn all(self) -> impl Iterator<Item = &'static dyn Channel> {
        ChannelKind::ALL.into_iter().map(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_channel() {
        for kind in ChannelKind::ALL {
            assert_eq!(channel(kind).kind(), kind);
        }
        assert_eq!(registry().all().count(), ChannelKind::ALL.len());
    }
}
