//! `audit_chain_heads`: the last entry of each audit chain. Only the database's own functions write it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, Tx};

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The chain: the organization's id, or the nil id for the platform's own.
    pub chain: Uuid,
    /// The number of its last entry.
    pub seq: i64,
    /// The hash of that entry, in hex digits.
    pub hash: String,
}

/// The chains with entries since then, those after `after`, by their ids. Needs [`crate::Store::begin_purge`].
#[tracing::instrument(level = "debug", name = "store.audit_chain_heads.since", skip_all)]
pub async fn since(
    tx: &mut Tx,
    since: DateTime<Utc>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Head>, Error> {
    Ok(sqlx::query_as!(
        Head,
        r#"
        SELECT chain_key AS chain, last_seq AS seq, encode(last_hash, 'hex') AS "hash!" FROM audit_chain_heads
        WHERE updated_at >= $1 AND last_seq > 0 AND ($2::uuid IS NULL OR chain_key > $2)
        ORDER BY chain_key LIMIT $3
        "#,
        since,
        after,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
