//! What an account of this channel holds.
//!
//! `channels.settings`: `team_id` (or `provider_account_id` of the row; the enterprise's id for an app installed in a
//! whole organization), `app_id`, `bot_user_id`, `group_mode`, `reply_in_thread`, `polling` (Socket Mode), `base_url`.
//! Credentials: `bot_token` (`xoxb-…`), for Socket Mode `app_token` (`xapp-…`). The signing secret is one of the webhook
//! secrets.

use botbuilder_adapter_kit::{Account, SendError};
use botbuilder_domain::Secret;
use serde_json::Value;

/// Where the Web API is.
pub const DEFAULT_BASE_URL: &str = "https://slack.com/api";

/// What calling a method needs.
pub(crate) struct Calling<'a> {
    pub(crate) base_url: String,
    pub(crate) bot_token: &'a Secret<String>,
}

impl<'a> Calling<'a> {
    pub(crate) fn of(account: &'a Account) -> Result<Self, SendError> {
        let token = account.credentials.get("bot_token").filter(|token| !token.expose().is_empty());
        Ok(Self {
            base_url: account.base_url(DEFAULT_BASE_URL)?,
            bot_token: token.ok_or(SendError::NotConfigured { missing: "bot_token" })?,
        })
    }
}

/// The workspace or organization that the app is installed in.
pub(crate) fn team(account: &Account) -> Option<&str> {
    account.setting("team_id").or(account.provider_account_id.as_deref()).filter(|id| !id.is_empty())
}

/// Whether a message in a channel is answered in its thread, which is the default.
pub(crate) fn replies_in_thread(account: &Account) -> bool {
    account.settings.get("reply_in_thread").and_then(Value::as_bool).unwrap_or(true)
}

/// Whether only what mentions the bot is meant for it, in channels. By default everything that the app subscribed to
/// is.
pub(crate) fn mentions_only(account: &Account) -> bool {
    account.setting("group_mode") == Some("mentions")
}
