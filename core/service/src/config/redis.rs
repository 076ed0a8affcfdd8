//! `[redis]`: what several instances tell each other by.

use std::path::PathBuf;

use botbuilder_domain::Secret;
use serde::{Deserialize, Serialize};

use super::{Error, Problem, secret_value};

/// Redis. Without it one process does the same in its own memory.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// The server: `redis://user:password@host:6379/0`.
    #[serde(serialize_with = "secret_value::hide")]
    pub url: Option<Secret<String>>,
    /// A file that holds it.
    pub url_file: Option<PathBuf>,
    /// What the names of everything begin with, so that several installations share a server.
    pub prefix: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self { url: None, url_file: None, prefix: "botbuilder:".to_owned() }
    }
}

impl Redis {
    /// The address of the server, if there is one.
    pub fn server(&self) -> Result<Option<Secret<String>>, Error> {
        secret_value::resolve("redis.url", self.url.as_ref(), self.url_file.as_deref())
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        secret_value::not_both("redis.url", self.url.as_ref(), self.url_file.as_deref(), problems);
        if let Some(url) = &self.url {
            Problem::unless(
                url.expose().starts_with("redis://"),
                "redis.url",
                "must begin with redis://",
                problems,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_once_and_by_its_protocol() {
        let problems = |redis: &Redis| {
            let mut problems = Vec::new();
            redis.validate(&mut problems);
            problems.len()
        };
        let at = |url: &str| Redis { url: Some(Secret::new(url.to_owned())), ..Redis::default() };
        assert_eq!(problems(&Redis::default()), 0);
        assert_eq!(problems(&at("redis://127.0.0.1:6379")), 0);
        assert_eq!(problems(&at("127.0.0.1")), 1);
        assert_eq!(problems(&Redis { url_file: Some("/x".into()), ..at("redis://a") }), 1);
    }
}
