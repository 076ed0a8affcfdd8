//! `[log]`: what the program says while it runs.

use serde::{Deserialize, Serialize};

use super::Problem;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people at a terminal.
    Pretty,
}

/// The log, written to standard error.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: Format,
    /// What is shown: a level, or `target=level` pairs separated by commas.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: Format::Json, filter: "info".to_owned() }
    }
}

impl Log {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.filter) {
            problems.push(Problem::new("log.filter", format!("is not understood: {error}")));
        }
    }
}
