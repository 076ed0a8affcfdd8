//! `[apps.<provider>]`: provider apps of the platform, each of which serves the accounts of many organizations. Their
//! callbacks come to `/hooks/app/<provider>`.

use std::path::PathBuf;

use botbuilder_domain::Secret;
use serde::{Deserialize, Serialize};

use super::{Error, Problem, secret_value};

/// The apps; one that is not configured has no address.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apps {
    /// The app at Meta that `WhatsApp` accounts are connected to.
    pub whatsapp: App,
    /// The app at Meta that Instagram accounts are connected to.
    pub instagram: App,
    /// The Slack app that workspaces install.
    pub slack: App,
}

/// One app.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// What the provider signs callbacks with.
    #[serde(serialize_with = "secret_value::hide")]
    pub secret: Option<Secret<String>>,
    /// A file that holds it.
    pub secret_file: Option<PathBuf>,
    /// The secret before it, while one is being replaced: both are good.
    #[serde(serialize_with = "secret_value::hide")]
    pub previous_secret: Option<Secret<String>>,
    /// What Meta repeats when the address is registered.
    #[serde(serialize_with = "secret_value::hide")]
    pub verify_token: Option<Secret<String>>,
}

impl App {
    /// The secrets that sign callbacks, newest first; none if the app is not configured.
    pub fn secrets(&self, provider: &str) -> Result<Vec<Secret<String>>, Error> {
        let key = format!("apps.{provider}.secret");
        let current = secret_value::resolve(&key, self.secret.as_ref(), self.secret_file.as_deref())?;
        Ok(current
            .into_iter()
            .flat_map(|secret| [Some(secret), self.previous_secret.clone()])
            .flatten()
            .collect())
    }

    fn validate(&self, provider: &str, problems: &mut Vec<Problem>) {
        let key = format!("apps.{provider}.secret");
        secret_value::not_both(&key, self.secret.as_ref(), self.secret_file.as_deref(), problems);
        for (name, value) in [("secret", &self.secret), ("previous_secret", &self.previous_secret)] {
            let empty = value.as_ref().is_some_and(|secret| secret.expose().is_empty());
            Problem::unless(!empty, &format!("apps.{provider}.{name}"), "must not be empty", problems);
        }
        let alone = self.secret.is_none() && self.secret_file.is_none();
        let more = self.previous_secret.is_some() || self.verify_token.is_some();
        Problem::unless(!(alone && more), &key, "is missing beside the app's other settings", problems);
    }
}

impl Apps {
    /// Every app, by its provider.
    pub const fn all(&self) -> [(&'static str, &App); 3] {
        [("whatsapp", &self.whatsapp), ("instagram", &self.instagram), ("slack", &self.slack)]
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (provider, app) in self.all() {
            app.validate(provider, problems);
        }
    }
}
