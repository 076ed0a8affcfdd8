use std::{fmt, io, path::PathBuf};

/// Why there is no server. Each message says what to do about it.
#[derive(Debug)]
pub enum Error {
    /// There are no binaries at that place.
    NotInstalled {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The account that must run the server cannot reach a place.
    OutOfReach {
        /// The place.
        path: PathBuf,
        /// The account's name.
        account: String,
    },
    /// Running as root, and there is no account to run the server under.
    NoAccount,
    /// Another process uses the directory.
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The data were made by another major version.
    OtherVersion {
        /// The data directory.
        path: PathBuf,
        /// The version that made them.
        found: String,
    },
    /// A file or a process could not be handled.
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    Failed {
        /// The program.
        program: String,
        /// What it said.
        output: String,
    },
    /// Processes of an earlier server are still there.
    Lingering {
        /// The data directory.
        path: PathBuf,
        /// Their ids.
        pids: Vec<u32>,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled { path } => write!(
                f,
                "no PostgreSQL binaries in {}: run `cargo xtask setup`, or set database.installation to a directory with bin, lib and share, or set database.url to a server of your own",
                path.display()
            ),
            Self::OutOfReach { path, account } => write!(
                f,
                "the account {account} cannot reach {}: PostgreSQL does not run as root, so choose places that other accounts may enter (data_dir, database.installation)",
                path.display()
            ),
            Self::NoAccount => write!(
                f,
                "PostgreSQL does not run as root and there is no account botbuilder, postgres or nobody to run it under: create one, start the program as another user, or set database.url"
            ),
            Self::InUse { path } => {
                write!(f, "another process uses {}: stop it, or choose another data_dir", path.display())
            }
            Self::OtherVersion { path, found } => write!(
                f,
                "{} was made by PostgreSQL {found}, not by {}: move it away, or upgrade it with pg_upgrade",
                path.display(),
                crate::VERSION
            ),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Failed { program, output } => write!(f, "{program} failed: {output}"),
            Self::Lingering { path, pids } => {
                write!(f, "processes of an earlier server still use {}: {pids:?}", path.display())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
