//! `[listen]`: the addresses the program answers on.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::Problem;
use crate::server::{Proxies, Tls, TlsError};

/// Listeners. They are separate so that each can have its own network.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Webhooks, widget, sockets, API, sign-in.
    pub public: SocketAddr,
    /// Health, readiness, metrics.
    pub internal: SocketAddr,
    /// Platform administration; none, and there is no such listener.
    pub admin: Option<SocketAddr>,
    /// What the outside world calls the public listener; used in the addresses that `botbuilder dev` shows.
    pub public_url: Option<Url>,
    /// A file with the certificate of the public listener and of that of staff, and those between it and its authority
    /// (PEM). With it both speak TLS and nothing else; without it a proxy in front has to.
    pub tls_certificate_file: Option<PathBuf>,
    /// A file with its key (PEM).
    pub tls_key_file: Option<PathBuf>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            public: local(8080),
            internal: local(8081),
            admin: None,
            public_url: None,
            tls_certificate_file: None,
            tls_key_file: None,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Listen {
    /// The base URL of the public listener: the configured one, or one made from its address.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None if self.tls_certificate_file.is_some() => format!("https://{}", self.public),
            None => format!("http://{}", self.public),
        }
    }

    /// The proxies whose word is taken on who calls.
    pub fn proxies(&self) -> Result<Proxies, String> {
        Proxies::parse(&self.trusted_proxies)
    }

    /// The certificate of the listeners that others reach, if there is one.
    pub fn tls(&self) -> Result<Option<Tls>, TlsError> {
        match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(certificates), Some(key)) => Tls::open(certificates, key).map(Some),
            _ => Ok(None),
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
        Problem::unless(
            self.admin
                .is_none_or(|admin| admin.port() == 0 || (admin != self.public && admin != self.internal)),
            "listen.admin",
            "must differ from listen.public and listen.internal",
            problems,
        );
        Problem::unless(
            self.tls_certificate_file.is_some() == self.tls_key_file.is_some(),
            "listen.tls_key_file",
            "goes with listen.tls_certificate_file: name both or neither",
            problems,
        );
        Problem::unless(
            self.proxies().is_ok(),
            "listen.trusted_proxies",
            "must be networks such as 10.0.0.0/8, or addresses",
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
