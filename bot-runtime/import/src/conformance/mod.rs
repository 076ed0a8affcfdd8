//! Runs the public suites of the projects whose flows are imported, out of a checkout that somebody has.
//!
//! Nothing of those projects is here: a suite is read from the folder that is named.

pub mod goflow;
mod mocks;
pub mod typebot;
mod walk;

use std::{fs, io, path::Path};

use botbuilder_domain::VersionId;
use serde_json::Value as Json;
use uuid::Uuid;

/// One file of a suite.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The part of the suite it belongs to.
    pub part: &'static str,
    /// Whether it is one of those that have to pass.
    pub core: bool,
    /// What differs; it passes where nothing does.
    pub faults: Vec<String>,
    /// What else is to be known about it.
    pub notes: Vec<String>,
}

impl Row {
    /// Whether it passes.
    pub fn passes(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Why a suite was not run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {error}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// There is nothing of the suite.
    #[error("there are no files of the suite below {0}")]
    Empty(String),
}

fn read_text(path: &Path) -> Result<String, SuiteError> {
    fs::read_to_string(path).map_err(|error| SuiteError::Io { path: path.display().to_string(), error })
}

fn read_json(path: &Path) -> Result<Result<Json, String>, SuiteError> {
    let text = read_text(path)?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}")))
}

/// The JSON files below a folder, in order; those of dependencies and hidden folders are left out.
fn json_files(folder: &Path, depth: usize, found: &mut Vec<std::path::PathBuf>) -> Result<(), SuiteError> {
    let io = |error| SuiteError::Io { path: folder.display().to_string(), error };
    let mut entries: Vec<_> = fs::read_dir(folder).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() && depth > 0 && !name.starts_with('.') && name != "node_modules" {
            json_files(&path, depth - 1, found)?;
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}

/// The version of the flow with that number in its document.
fn version(number: usize) -> VersionId {
    VersionId::new(Uuid::from_u128(1 + u128::try_from(number).unwrap_or_default()))
}
