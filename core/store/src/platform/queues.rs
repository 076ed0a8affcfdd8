//! The queues in the database, across organizations: how much waits in each, since when, and what was given up.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Error, Tx};

/// A queue.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How many wait and are due.
    pub waiting: i64,
    /// How many wait for a later instant.
    pub later: i64,
    /// Since when the oldest that is due waits.
    pub oldest: Option<DateTime<Utc>>,
    /// How many were given up in the last seven days.
    pub given_up: i64,
}

/// The state of every queue. What is counted stands in partial indexes, except what was given up.
#[tracing::instrument(level = "debug", name = "store.platform.queues.list", skip_all)]
pub async fn list(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Queue>, Error> {
    Ok(sqlx::query_as!(
        Queue,
        r#"
        SELECT q.name AS "name!", q.waiting AS "waiting!", q.later AS "later!", q.oldest, q.given_up AS "given_up!"
        FROM (
            SELECT 'outbox' AS name, count(*) FILTER (WHERE available_at <= $1) AS waiting,
                   count(*) FILTER (WHERE available_at > $1) AS later,
                   min(available_at) FILTER (WHERE available_at <= $1) AS oldest, 0::bigint AS given_up, 1 AS place
            FROM outbox_events WHERE published_at IS NULL
            UNION ALL
            SELECT 'messages', count(*) FILTER (WHERE coalesce(next_attempt_at, created_at) <= $1),
                   count(*) FILTER (WHERE next_attempt_at > $1),
                   min(coalesce(next_attempt_at, created_at)) FILTER (WHERE coalesce(next_attempt_at, created_at) <= $1),
                   (SELECT count(*) FROM channel_messages f
                    WHERE f.status = 'failed' AND f.direction = 'outbound' AND f.created_at > $1 - interval '7 days'), 2
            FROM channel_messages
            WHERE status = 'queued' AND direction = 'outbound' AND created_at > $1 - interval '7 days'
            UNION ALL
            SELECT 'emails', count(*) FILTER (WHERE available_at <= $1), count(*) FILTER (WHERE available_at > $1),
                   min(available_at) FILTER (WHERE available_at <= $1),
                   (SELECT count(*) FROM email_notifications f
                    WHERE f.status = 'failed' AND f.created_at > $1 - interval '7 days'), 3
            FROM email_notifications WHERE status = 'queued'
            UNION ALL
            SELECT 'webhooks', count(*) FILTER (WHERE next_attempt_at <= $1),
                   count(*) FILTER (WHERE next_attempt_at > $1),
                   min(next_attempt_at) FILTER (WHERE next_attempt_at <= $1),
                   (SELECT count(*) FROM webhook_logs f
                    WHERE f.status = 'abandoned' AND f.created_at > $1 - interval '7 days'), 4
            FROM webhook_logs WHERE status = 'retrying'
            UNION ALL
            SELECT 'documents', count(*), 0, min(created_at),
                   (SELECT count(*) FROM documents f
                    WHERE f.status = 'failed' AND f.updated_at > $1 - interval '7 days'), 5
            FROM documents WHERE status = 'pending' AND deleted_at IS NULL
        ) q ORDER BY q.place
        "#,
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Lanes: conversations whose outgoing messages wait for longer than a moment, those with the most first, at most 100.
/// Keys of conversations hold addresses of people, so only a digest of each is told.
#[tracing::instrument(level = "debug", name = "store.platform.queues.lanes", skip_all)]
pub async fn lanes(tx: &mut Tx) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('lane', left(md5(partition_key), 12), 'organization_id', organization_id,
                   'waiting', count(*), 'next_at', min(available_at), 'oldest', min(created_at)) AS "row!"
        FROM outbox_events
        WHERE published_at IS NULL AND event_type IN ('message.parked', 'message.scheduled')
        GROUP BY partition_key, organization_id ORDER BY count(*) DESC, min(available_at) LIMIT 100
        "#
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
