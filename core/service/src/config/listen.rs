//! `[listen]`: the addresses the program answers on.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Problem;

/// Listeners. They are separate so that each can have its own network.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Webhooks, widget, sockets, API, sign-in.
    pub public: SocketAddr,
    /// Health, readiness, metrics.
    pub internal: SocketAddr,
    /// What the outside world calls the public listener; used in the addresses that `botbuilder dev` shows.
    pub public_url: Option<Url>,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { public: local(8080), internal: local(8081), public_url: None }
    }
}

impl Listen {
    /// The base URL of the public listener: the configured one, or one made from its address.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.public),
        }
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        // Port 0 asks for any free port, so both may have it.
        Problem::unless(
            self.public != self.internal || self.public.port() == 0,
            "listen.internal",
            "must differ from listen.public",
            problems,
        );
        if let Some(url) = &self.public_url {
            Problem::unless(
                matches!(url.scheme(), "http" | "https") && url.host().is_some(),
                "listen.public_url",
                "must begin with https:// or http:// and name a host",
                problems,
            );
        }
    }
}
