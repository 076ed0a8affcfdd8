//! `[database]`: where PostgreSQL is.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Error, Problem, secret_value, units};
use botbuilder_domain::Secret;

/// The database. Without a URL the program runs a PostgreSQL server of its own in the data directory.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://user:password@host:port/name`; a secret, because it may carry a password.
    #[serde(serialize_with = "secret_value::hide")]
    pub url: Option<Secret<String>>,
    /// A file that holds the URL.
    pub url_file: Option<PathBuf>,
    /// Where the managed server's `bin`, `lib` and `share` are; the place `cargo xtask setup` fills by default.
    pub installation: Option<PathBuf>,
    /// Most connections of one process for the work of tenants; 0 means four for each core. Queues and look-ups have
    /// a few more of their own.
    pub pool_size: u32,
    /// How long a caller waits for a connection before it is told to come back later.
    #[serde(with = "units::duration")]
    pub pool_wait: Duration,
    /// Longest statement.
    #[serde(with = "units::duration")]
    pub statement_timeout: Duration,
    /// Longest wait for a lock.
    #[serde(with = "units::duration")]
    pub lock_timeout: Duration,
    /// How long a transaction may sit without a statement.
    #[serde(with = "units::duration")]
    pub idle_in_transaction_timeout: Duration,
    /// Apply pending migrations at start.
    pub migrate: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            installation: None,
            pool_size: 0,
            pool_wait: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(1),
            lock_timeout: Duration::from_secs(2),
            idle_in_transaction_timeout: Duration::from_secs(10),
            migrate: true,
        }
    }
}

/// Whether an address is of this machine, or says whether TLS is spoken. Without a word the client would try TLS and go on
/// in the clear where the server, or whoever stands between, does not offer it.
fn says_how_it_is_protected(url: &Secret<String>) -> bool {
    let Ok(url) = Url::parse(url.expose()) else { return true };
    // A host of another scheme than those of the web is text. One that is missing, or a path, is a socket.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_socket = host.is_empty() || host.starts_with("%2F") || host.starts_with("%2f");
    if is_loopback || is_socket || host == "localhost" {
        return true;
    }
    let mode = url.query_pairs().find(|(name, _)| matches!(name.as_ref(), "sslmode" | "ssl-mode"));
    mode.is_some_and(|(_, mode)| matches!(mode.as_ref(), "disable" | "require" | "verify-ca" | "verify-full"))
}

fn unprotected() -> Problem {
    Problem::new(
        "database.url",
        "is of another machine: add ?sslmode=verify-full (with sslrootcert=… for an authority of your own), or sslmode=disable where the network between is yours",
    )
}

impl Database {
    /// The configured URL; `None` means that the managed server is wanted.
    pub fn connection_url(&self) -> Result<Option<Secret<String>>, Error> {
        let url = secret_value::resolve("database.url", self.url.as_ref(), self.url_file.as_deref())?;
        match &url {
            Some(url) if !says_how_it_is_protected(url) => Err(Error::Invalid(vec![unprotected()])),
            _ => Ok(url),
        }
    }

    /// Connections the pool may hold.
    pub fn connections(&self) -> u32 {
        if self.pool_size > 0 {
            return self.pool_size;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        u32::try_from(cores * 4).unwrap_or(u32::MAX)
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        secret_value::not_both("database.url", self.url.as_ref(), self.url_file.as_deref(), problems);
        if let Some(url) = &self.url {
            let scheme = url.expose().split(':').next();
            if !matches!(scheme, Some("postgres" | "postgresql")) {
                problems.push(Problem::new("database.url", "must begin with postgres://"));
            } else if !says_how_it_is_protected(url) {
                problems.push(unprotected());
            }
        }
        let wait = self.pool_wait;
        Problem::unless(wait > Duration::ZERO, "database.pool_wait", "must be longer than nothing", problems);
        for (key, value) in [
            ("database.statement_timeout", self.statement_timeout),
            ("database.lock_timeout", self.lock_timeout),
            ("database.idle_in_transaction_timeout", self.idle_in_transaction_timeout),
        ] {
            // PostgreSQL takes nothing as no limit, and counts milliseconds in 31 bits.
            let fits = value > Duration::ZERO && value <= Duration::from_hours(24 * 24);
            Problem::unless(fits, key, "must be longer than nothing and at most 24d", problems);
        }
    }
}
