//! The monthly partitions, and the ledger of those that were exported (`partition_archives`).

use serde_json::Value;

use crate::{Error, Tx};

/// Every partition: its table, its month, about how many rows and how many bytes, and what the ledger says of it.
#[tracing::instrument(level = "debug", name = "store.platform.partitions.list", skip_all)]
pub async fn list(tx: &mut Tx) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('parent_table', p.relname, 'partition_name', c.relname,
                   'bounds', pg_get_expr(c.relpartbound, c.oid), 'rows_estimate', greatest(c.reltuples, 0)::bigint,
                   'bytes', pg_total_relation_size(c.oid), 'is_expired', e.partition_name IS NOT NULL,
                   'archive', (SELECT to_jsonb(a) - 'sha256' FROM partition_archives a
                               WHERE a.parent_table = p.relname AND a.partition_name = c.relname)) AS "row!"
        FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_class p ON p.oid = h.inhparent
        LEFT JOIN app.expired_partitions() e ON e.partition_name = c.relname
        WHERE p.relnamespace = 'public'::regnamespace AND p.relkind = 'p' AND c.relkind = 'r'
        ORDER BY p.relname, c.relname
        "#
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
