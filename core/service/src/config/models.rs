//! `[models]`: models computed in the process.

use std::path::PathBuf;

use botbuilder_postgres::dirs;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Built-in models.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Where their files are; none for the cache that the set-up fills.
    pub directory: Option<PathBuf>,
    /// Texts that the embedding model computes at a time, each on a thread of its own.
    pub sessions: usize,
}

impl Default for Models {
    fn default() -> Self {
        Self { directory: None, sessions: 2 }
    }
}

impl Models {
    /// Where the files are.
    pub fn directory(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(dirs::models)
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        Problem::unless((1..=64).contains(&self.sessions), "models.sessions", "must be 1 to 64", problems);
    }
}
