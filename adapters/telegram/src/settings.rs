//! What an account of this channel holds.
//!
//! `channels.settings`: `base_url`, `polling`, `allowed_updates`, `join_parts_ms`, `checkout`, `checkout_message`.
//! Credentials: `bot_token`. The secret token that Telegram sends back in a header is one of the webhook secrets.

use botbuilder_adapter_kit::{Account, SendError};

/// Where the Bot API is.
pub const DEFAULT_BASE_URL: &str = "https://api.telegram.org";

/// The kinds of updates to ask for in `setWebhook`: all that are understood. The provider's default leaves out
/// memberships and reactions, and what is not asked for is never sent.
pub const ALLOWED_UPDATES: [&str; 26] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "guest_message",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "callback_query",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "subscription",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
];

/// Whether Telegram takes a text as secret token: 1 to 256 letters, digits, `_` and `-`.
pub fn is_valid_secret_token(token: &str) -> bool {
    (1..=256).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// What calling a method needs.
pub(crate) struct Calling<'a> {
    pub(crate) base_url: String,
    pub(crate) bot_token: &'a str,
}

impl<'a> Calling<'a> {
    pub(crate) fn of(account: &'a Account) -> Result<Self, SendError> {
        let token = account.credentials.get("bot_token").map(|token| token.expose().as_str());
        // The token becomes part of the address.
        let plain = |token: &&str| {
            !token.is_empty()
                && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte))
        };
        Ok(Self {
            base_url: account.base_url(DEFAULT_BASE_URL)?,
            bot_token: token.filter(plain).ok_or(SendError::NotConfigured { missing: "bot_token" })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_tokens_are_checked() {
        assert!(is_valid_secret_token("a-Z_9"));
        assert!(is_valid_secret_token(&"x".repeat(256)));
        for token in ["", "a b", "ä", &"x".repeat(257)] {
            assert!(!is_valid_secret_token(token), "{token}");
        }
    }
}
