//! A connected account, as an adapter sees it.

use botbuilder_domain::{BotId, ChannelId, ChannelKind, OrgId, Secret};
use serde_json::{Map, Value};

use crate::SendError;

/// A connected account of one organization on one network.
///
/// `settings` is `channels.settings`; `credentials` is the opened JSON object of `channels.credentials`. Each
/// adapter has a `settings.rs` that says which keys it reads from the two.
#[derive(Debug, Clone)]
pub struct Account {
    /// The tenant.
    pub org: OrgId,
    /// The bot that answers, where one is connected.
    pub bot: Option<BotId>,
    /// The channel.
    pub channel: ChannelId,
    /// Its network.
    pub kind: ChannelKind,
    /// The last segment of its callback address, `/hooks/{public_id}`.
    pub public_id: String,
    /// The provider's id of the account: phone number id, bot id.
    pub provider_account_id: Option<String>,
    /// What is not secret.
    pub settings: Map<String, Value>,
    /// What is: access tokens and the like, by name.
    pub credentials: Credentials,
    /// The secrets that sign webhooks, newest first; two while one is being replaced. None refuses everything.
    pub webhook_secrets: Vec<Secret<String>>,
}

/// Named secrets of an account.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<(String, Secret<String>)>);

impl Credentials {
    /// Takes the string values of a JSON object; other values are not secrets and are left out.
    pub fn from_object(object: &Map<String, Value>) -> Self {
        Self(
            object
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?.to_owned()))))
                .collect(),
        )
    }

    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<&Secret<String>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }
}

impl Account {
    /// A setting that is a text.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }

    /// Whether the account's events are fetched, where its channel can: the setting `polling`.
    pub fn is_fetched(&self) -> bool {
        self.settings.get("polling").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The provider's address: the setting `base_url` or the default, without a slash at its end. Plain HTTP
    /// is taken for this machine only, so that a token never crosses a network in the clear.
    pub fn base_url(&self, default: &str) -> Result<String, SendError> {
        let written = self.setting("base_url").unwrap_or(default).trim_end_matches('/');
        let invalid = SendError::NotConfigured { missing: "a base_url with https, or http on loopback" };
        let Ok(url) = url::Url::parse(written) else { return Err(invalid) };
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(invalid),
        };
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let allowed = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        if plain && allowed { Ok(written.to_owned()) } else { Err(invalid) }
    }
}
