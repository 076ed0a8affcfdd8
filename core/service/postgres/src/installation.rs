//! An unpacked set of PostgreSQL's programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, account::Account};

/// The major version that is expected.
pub const VERSION: &str = "18";

/// A directory with `bin`, `lib` and `share`.
#[derive(Debug, Clone)]
pub struct Installation {
    root: PathBuf,
}

impl Installation {
    /// The programs that must be there.
    const PROGRAMS: [&str; 4] = ["postgres", "initdb", "pg_ctl", "psql"];

    /// The installation in `root`, if it is one.
    pub fn at(root: &Path) -> Result<Self, Error> {
        let complete = Self::PROGRAMS.iter().all(|program| root.join("bin").join(program).is_file());
        if complete {
            Ok(Self { root: root.to_owned() })
        } else {
            Err(Error::NotInstalled { path: root.to_owned() })
        }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// A command for one of its programs, to be run under `account` in `directory`. Variables that would redirect the
    /// program to some other server are taken away.
    pub(crate) fn command(&self, name: &str, account: &Account, directory: &Path) -> Command {
        let mut command = Command::new(self.program(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(&variable);
            }
        }
        command.env("LC_ALL", "C").current_dir(directory);
        account.apply(&mut command);
        command
    }
}
