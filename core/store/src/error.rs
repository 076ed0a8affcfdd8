//! What can go wrong between the program and its database, by what the caller can do about it.

use std::fmt::Display;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached or is overloaded: try again later.
    #[error("database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A constraint refused the write.
    #[error("write conflicts with {constraint}")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// Another writer changed the row first: load it again.
    #[error("row was changed by another writer in the meantime")]
    Stale,
    /// A stored value cannot be understood.
    #[error("{table}.{column} of row {row} cannot be understood: {reason}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A secret cannot be opened: the key is missing or wrong, or the row was tampered with.
    #[error("secret cannot be opened: {0}")]
    Sealed(#[from] crate::secret::SealError),
    /// Anything else the database says: a defect of ours.
    #[error("database refused: {0}")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// A stored value that cannot be understood.
    pub(crate) fn inconsistent(
        table: &'static str,
        column: &'static str,
        row: impl Display,
        reason: impl Display,
    ) -> Self {
        Self::Inconsistent { table, column, row: row.to_string(), reason: reason.to_string() }
    }

    /// Whether the same call may succeed later, unchanged.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(ref database) = error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_) => Self::Unavailable(error),
                other => Self::Database(other),
            };
        };
        let code = database.code().unwrap_or_default().into_owned();
        match code.as_str() {
            // Unique, foreign-key, exclusion and check violations; a row that is still referred to (ON DELETE RESTRICT).
            "23505" | "23503" | "23001" | "23P01" | "23514" => {
                Self::Conflict { constraint: database.constraint().unwrap_or("a constraint").to_owned() }
            }
            // Serialisation failure and deadlock: the transaction may be run again.
            "40001" | "40P01" => Self::Stale,
            // Connection exceptions, insufficient resources, operator intervention (shutdown, read-only start-up).
            _ if code.starts_with("08") || code.starts_with("53") || code.starts_with("57") => {
                Self::Unavailable(error)
            }
            // Statement or lock time-out, read-only transaction.
            "55P03" | "25006" => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}
