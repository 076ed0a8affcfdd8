//! Configuration: one section a file, each with its defaults and its checks.
//!
//! Sources are laid over each other in this order: the defaults (`botbuilder.default.toml`, which is also the
//! reference), a file, environment variables `BOTBUILDER__SECTION__KEY`, and flags, which the program writes into
//! the fields of the parsed value. Parsing ([`Config::load`]), checking ([`Config::validate`]) and building what the
//! values describe are three steps. Anything about a customer is in the database, not here.
//!
//! To add a key: a field with its documentation, its default, a line in `botbuilder.default.toml` and, if some values
//! make no sense, a line in `validate`. To add a section: a file, a field of [`Config`], a line in `merge::known`.

mod apps;
mod database;
mod dispatcher;
mod email;
pub mod limits;
mod listen;
pub mod log;
pub mod media;
mod merge;
mod models;
mod outbound;
mod redis;
mod role;
mod runtime;
mod secret_value;
mod secrets;
pub mod stream;
mod telemetry;
pub mod units;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::{
    apps::{App, Apps},
    database::Database,
    dispatcher::Dispatcher,
    email::Email,
    limits::Limits,
    listen::Listen,
    log::Log,
    models::Models,
    outbound::Outbound,
    redis::Redis,
    role::{Role, UnknownRole},
    runtime::Runtime,
    secrets::{ROOT_KEY_BYTES, Secrets},
    stream::Stream,
    telemetry::Telemetry,
};

/// The commented defaults, as shipped.
pub const DEFAULT_TOML: &str = include_str!("../../botbuilder.default.toml");

/// File that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "botbuilder.toml";

/// The whole configuration of a process.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the program keeps what must survive a restart. None means the place the operating system has for it.
    pub data_dir: Option<PathBuf>,
    /// The roles of this process.
    pub roles: Vec<Role>,
    /// PostgreSQL.
    pub database: Database,
    /// The stream.
    pub stream: Stream,
    /// Listeners.
    pub listen: Listen,
    /// The root key.
    pub secrets: Secrets,
    /// Provider apps of the platform.
    pub apps: Apps,
    /// The log.
    pub log: Log,
    /// Traces.
    pub telemetry: Telemetry,
    /// Bounds on what callers send.
    pub limits: Limits,
    /// Sending to providers.
    pub dispatcher: Dispatcher,
    /// Turns.
    pub runtime: Runtime,
    /// Calls to others.
    pub outbound: Outbound,
    /// Mails.
    pub email: Email,
    /// Files.
    pub media: media::Media,
    /// Models computed in the process.
    pub models: Models,
    /// What several instances tell each other by.
    pub redis: Redis,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            roles: Role::ALL.to_vec(),
            database: Database::default(),
            stream: Stream::default(),
            listen: Listen::default(),
            secrets: Secrets::default(),
            apps: Apps::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
            limits: Limits::default(),
            dispatcher: Dispatcher::default(),
            runtime: Runtime::default(),
            outbound: Outbound::default(),
            email: Email::default(),
            media: media::Media::default(),
            models: Models::default(),
            redis: Redis::default(),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, e.g. `listen.public`.
    pub key: String,
    /// What is wrong with it; reads on after the key.
    pub message: String,
}

impl Problem {
    fn new(key: &str, message: impl Into<String>) -> Self {
        Self { key: key.to_owned(), message: message.into() }
    }

    fn unless(fine: bool, key: &str, message: &str, problems: &mut Vec<Self>) {
        if !fine {
            problems.push(Self::new(key, message));
        }
    }
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or a value has the wrong type. The message holds the place.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file, or the environment.
        origin: String,
        /// What and where.
        message: String,
    },
    /// A key nobody reads.
    #[error("unknown key {key:?} in {origin}{}", nearest.as_ref().map(|name| format!(", did you mean {name:?}?")).unwrap_or_default())]
    UnknownKey {
        /// The key with its sections.
        key: String,
        /// The file, or the environment.
        origin: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// An environment variable that cannot be that setting.
    #[error("environment variable {name}: {message}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong. Never the value, which may be a secret.
        message: String,
    },
    /// Settings that were understood but cannot be used.
    #[error("{}", join(.0))]
    Invalid(Vec<Problem>),
    /// A secret's file cannot be read.
    #[error("{key}: cannot read {}: {source}", path.display())]
    SecretFile {
        /// The setting that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The generated root key cannot be kept.
    #[error("cannot write the root key to {}: {source}", path.display())]
    WriteKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gives no randomness.
    #[error("no randomness for a root key: {message}")]
    Random {
        /// Why.
        message: String,
    },
}

fn join(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{} {}", problem.key, problem.message)).collect();
    lines.join("; ")
}

impl Config {
    /// Reads the defaults, the file and the environment. With no file named, `botbuilder.toml` in the working
    /// directory is read if it exists. The result is not yet validated, so that flags can still be written into it.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let found = match file {
            Some(path) => Some(path),
            None => Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()),
        };
        let text = match found {
            Some(path) => {
                let read = std::fs::read_to_string(path);
                Some((path, read.map_err(|source| Error::Read { path: path.to_owned(), source })?))
            }
            None => None,
        };
        let file = text.as_ref().map(|(path, text)| (path.display().to_string(), text.as_str()));
        Self::from_sources(file, environment)
    }

    /// Lays a file's text (with the name to use in messages) and environment variables over the defaults.
    pub fn from_sources(
        file: Option<(String, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let mut table = parse("botbuilder.default.toml", DEFAULT_TOML)?;
        if let Some((origin, text)) = file {
            let over = parse(&origin, text)?;
            merge::refuse_unknown_keys(&over, &origin)?;
            // Types are checked against the text itself, because only there the message can show the line.
            toml::from_str::<Self>(text).map_err(|error| Error::Syntax {
                origin,
                message: error.to_string().trim_end().to_owned(),
            })?;
            merge::lay_over(&mut table, over);
        }
        let over = merge::environment(&table, environment)?;
        merge::refuse_unknown_keys(&over, "the environment")?;
        merge::lay_over(&mut table, over);
        table.try_into().map_err(|error| Error::Syntax {
            origin: "the environment".to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// Checks every section and reports all problems at once.
    pub fn validate(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        Problem::unless(!self.roles.is_empty(), "roles", "must name at least one role", &mut problems);
        self.database.validate(&mut problems);
        self.stream.validate(&mut problems);
        self.listen.validate(&mut problems);
        self.secrets.validate(&mut problems);
        self.log.validate(&mut problems);
        self.telemetry.validate(&mut problems);
        self.limits.validate(&mut problems);
        self.dispatcher.validate(&mut problems);
        self.runtime.validate(&mut problems);
        self.outbound.validate(&mut problems);
        self.email.validate(&mut problems);
        self.media.validate(&mut problems);
        self.models.validate(&mut problems);
        self.redis.validate(&mut problems);
        self.apps.validate(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }

    /// The configuration as TOML with every secret hidden, for `check-config`.
    pub fn redacted(&self) -> String {
        // Serialising plain structs of texts and numbers has no way to fail.
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }

    /// The data directory: the configured one or the default of the account that runs the program.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(botbuilder_postgres::dirs::data_dir)
    }
}

fn parse(origin: &str, text: &str) -> Result<toml::Table, Error> {
    text.parse().map_err(|error: toml::de::Error| Error::Syntax {
        origin: origin.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests;
