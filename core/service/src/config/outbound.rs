//! `[outbound]`: calls the program makes to others.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Problem, units};

/// Outbound HTTP.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// Time to connect.
    #[serde(with = "units::duration")]
    pub connect_timeout: Duration,
    /// Time for a whole call.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Largest answer that is read.
    #[serde(with = "units::bytes")]
    pub body_bytes: u64,
    /// Ports that addresses supplied by users may name, besides 80 and 443.
    pub ports: Vec<u16>,
    /// Base URLs that may be called although their addresses are not public, e.g. a model on the same machine.
    pub allow: Vec<Url>,
    /// The name server that is asked whether a domain is proved; the machine's own if none is named.
    pub name_server: Option<SocketAddr>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            body_bytes: 10 << 20,
            ports: Vec::new(),
            allow: Vec::new(),
            name_server: None,
        }
    }
}

impl Outbound {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (key, value) in
            [("outbound.connect_timeout", self.connect_timeout), ("outbound.timeout", self.timeout)]
        {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
        Problem::unless(self.body_bytes > 0, "outbound.body_bytes", "must be at least 1", problems);
        for url in &self.allow {
            let usable = matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none();
            Problem::unless(
                usable,
                "outbound.allow",
                "must be an http or https address of a host without credentials",
                problems,
            );
        }
    }
}
