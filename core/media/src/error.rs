//! What goes wrong with files.

/// Why a file was not kept, or is not had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is larger than allowed.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// What is allowed, in bytes.
        limit: u64,
    },
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The place where files are kept fails.
    #[error("the store of files fails: {0}")]
    Store(#[from] object_store::Error),
    /// The folder cannot be made.
    #[error("the folder {path} cannot be made: {source}")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration's secret cannot be read.
    #[error(transparent)]
    Configuration(#[from] botbuilder_service::config::Error),
    /// A link could not be made.
    #[error("a link could not be made: {0}")]
    Link(serde_json::Error),
}
