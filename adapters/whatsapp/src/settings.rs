//! What an account of this channel holds.
//!
//! `channels.settings`: `phone_number_id` (or `provider_account_id` of the row), `waba_id`, `base_url`,
//! `api_version`. Credentials: `access_token`, `verify_token`. The app secret is one of the webhook secrets.

use botbuilder_adapter_kit::{Account, SendError};
use botbuilder_domain::Secret;

/// Where Graph is.
pub const DEFAULT_BASE_URL: &str = "https://graph.facebook.com";

/// The version of Graph that requests are written for.
pub const DEFAULT_API_VERSION: &str = "v26.0";

/// What sending needs.
pub(crate) struct Sending<'a> {
    pub(crate) base_url: String,
    pub(crate) api_version: &'a str,
    pub(crate) phone_number_id: &'a str,
    pub(crate) access_token: &'a Secret<String>,
}

impl<'a> Sending<'a> {
    pub(crate) fn of(account: &'a Account) -> Result<Self, SendError> {
        let missing = |missing| SendError::NotConfigured { missing };
        let api_version = account.setting("api_version").unwrap_or(DEFAULT_API_VERSION);
        let access_token = account.credentials.get("access_token");
        Ok(Self {
            base_url: account.base_url(DEFAULT_BASE_URL)?,
            api_version: path_segment(api_version).ok_or(missing("a valid api_version"))?,
            phone_number_id: phone_number_id(account)
                .and_then(path_segment)
                .ok_or(missing("phone_number_id"))?,
            access_token: access_token
                .filter(|token| !token.expose().is_empty())
                .ok_or(missing("access_token"))?,
        })
    }
}

/// The account's phone number id: the setting, or the row's provider account id.
pub(crate) fn phone_number_id(account: &Account) -> Option<&str> {
    account.setting("phone_number_id").or(account.provider_account_id.as_deref()).filter(|id| !id.is_empty())
}

/// A setting that becomes part of an address.
pub(crate) fn path_segment(text: &str) -> Option<&str> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (plain && !text.is_empty() && text != "..").then_some(text)
}
