//! `[listen]`: the addresses the program answers on.

use std::net::SocketAddr;

use ipnet::IpNet;
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
    /// Administration of the platform.
    pub admin: SocketAddr,
    /// Networks that may talk to the admin listener.
    pub admin_networks: Vec<IpNet>,
    /// What the outside world calls the public listener; used in webhook addresses and links.
    pub public_url: Option<Url>,
    /// Proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let host = |text: &str| text.parse::<IpNet>().expect("a literal network");
        Self {
            public: local(8080),
            internal: local(8081),
            admin: local(8082),
            admin_networks: vec![host("127.0.0.0/8"), host("::1/128")],
            public_url: None,
            trusted_proxies: Vec::new(),
        }
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
        let addresses = [
            ("listen.public", self.public),
            ("listen.internal", self.internal),
            ("listen.admin", self.admin),
        ];
        for (index, (key, address)) in addresses.iter().enumerate() {
            // Port 0 asks for any free port, so several listeners may have it.
            let taken = addresses[..index].iter().find(|(_, other)| other == address && address.port() != 0);
            if let Some((other, _)) = taken {
                problems.push(Problem::new(key, format!("must differ from {other}")));
            }
        }
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
