//! `embedding_queue`: work queue of texts waiting for an embedding.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "embedding_queue",
    columns: &[
        Column::uuid("id"),
        Column::choice("target_type", &["chunk", "intent_example", "clone_sample"]),
        Column::uuid("target_id"),
        Column::uuid("document_id").nullable(),
        Column::integer("generation", 1, 1_000_000),
        Column::text("model", 120),
        Column::choice("status", &["queued", "running", "done", "failed", "dead"]),
        Column::integer("priority", -2_147_483_648, 2_147_483_647),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::integer("max_attempts", 1, 20),
        Column::instant("available_at"),
        Column::text("last_error", 2000).nullable(),
        Column::instant("finished_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "locked_by", "locked_until"],
    rules: &[Rule::new("uq_embedding_queue_1", "generation", "is taken: there is one like it already")],
    ..Table::PLAIN
};

/// How many texts of a knowledge base wait, by state, and what went wrong last.
#[tracing::instrument(level = "debug", name = "store.embedding_queue.of_base", skip_all)]
pub async fn of_base(tx: &mut Tx, scope: &OrgScope, base: Uuid) -> Result<Value, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object(
            'queued', count(*) FILTER (WHERE q.status = 'queued'),
            'running', count(*) FILTER (WHERE q.status = 'running'),
            'done', count(*) FILTER (WHERE q.status = 'done'),
            'failed', count(*) FILTER (WHERE q.status = 'failed'),
            'dead', count(*) FILTER (WHERE q.status = 'dead'),
            'oldest_waiting_at', min(q.created_at) FILTER (WHERE q.status IN ('queued', 'running')),
            'last_error', (array_agg(q.last_error ORDER BY q.updated_at DESC)
                           FILTER (WHERE q.last_error IS NOT NULL AND q.status IN ('failed', 'dead')))[1]
        ) AS "queue!"
        FROM embedding_queue q
        JOIN documents d ON d.organization_id = $1 AND d.id = q.document_id
        WHERE q.organization_id = $1 AND d.knowledge_base_id = $2
        "#,
        scope.org().uuid(),
        base,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Puts what failed for good in a knowledge base into the queue again. Returns how many there were.
#[tracing::instrument(level = "debug", name = "store.embedding_queue.retry", skip_all)]
pub async fn retry(tx: &mut Tx, scope: &OrgScope, base: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE embedding_queue q
        SET status = 'queued', attempts = 0, available_at = $3, locked_by = NULL, locked_until = NULL, finished_at = NULL
        FROM documents d
        WHERE q.organization_id = $1 AND q.status IN ('failed', 'dead') AND d.organization_id = $1
          AND d.id = q.document_id AND d.knowledge_base_id = $2 AND d.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        base,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
