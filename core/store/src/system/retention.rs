//! What is removed when its time is over, in batches, and the partitions that have to be there before their month.
//! All of it but one needs
//! [`crate::Store::begin_purge`].

use std::collections::BTreeMap;

use botbuilder_domain::{MessageId, OrgId};
use chrono::{DateTime, Utc};

use crate::{Error, Tx};

/// Makes the partitions of the previous, the current and the next three months. Returns how many were missing.
#[tracing::instrument(level = "debug", name = "store.retention.ensure_partitions", skip_all)]
pub async fn ensure_partitions(tx: &mut Tx) -> Result<i32, Error> {
    let made = sqlx::query_scalar!(r#"SELECT app.ensure_partitions(3) AS "made!""#)
        .fetch_one(&mut *tx.inner)
        .await?;
    Ok(made)
}

/// Messages that have been uncertain since before this instant, at most `limit`, by organization: no report has come, none
/// will. [`crate::channels::channel_messages::give_up_uncertain`] ends their wait. Needs [`crate::Store::begin_worker`]
/// instead.
#[tracing::instrument(level = "debug", name = "store.retention.uncertain_before", skip_all)]
pub async fn uncertain_before(
    tx: &mut Tx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<BTreeMap<OrgId, Vec<MessageId>>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id FROM channel_messages
        WHERE status = 'queued' AND next_attempt_at < $1 AND uncertain_at < $1
        ORDER BY next_attempt_at LIMIT $2
        "#,
        before,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut found: BTreeMap<OrgId, Vec<MessageId>> = BTreeMap::new();
    for row in rows {
        found.entry(row.organization_id.into()).or_default().push(row.id.into());
    }
    Ok(found)
}

/// Removes outbox rows that were published before this instant, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_outbox", skip_all)]
pub async fn prune_outbox(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM outbox_events WHERE id IN (
            SELECT id FROM outbox_events WHERE published_at < $1 ORDER BY published_at LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes dedupe keys whose time is over, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_dedupe_keys", skip_all)]
pub async fn prune_dedupe_keys(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM dedupe_keys WHERE (scope, key) IN (
            SELECT scope, key FROM dedupe_keys WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        )
        "#,
        now,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes answers kept under keys whose time is over, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_idempotency_keys", skip_all)]
pub async fn prune_idempotency_keys(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM idempotency_keys WHERE id IN (
            SELECT id FROM idempotency_keys WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        )
        "#,
        now,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes sessions that could not be renewed since before this instant, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_sessions", skip_all)]
pub async fn prune_sessions(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM user_sessions WHERE id IN (
            SELECT id FROM user_sessions
            WHERE coalesce(revoked_at, greatest(expires_at, refresh_expires_at)) < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes links sent by mail that were over before this instant, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_links", skip_all)]
pub async fn prune_links(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM password_reset_tokens WHERE id IN (
            SELECT id FROM password_reset_tokens WHERE expires_at < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes notes of calls to integrations older than this instant, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_integration_logs", skip_all)]
pub async fn prune_integration_logs(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM integration_logs WHERE id IN (
            SELECT id FROM integration_logs WHERE created_at < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes callbacks older than this instant, at most `limit` that were dealt with and as many that could not be. Returns
/// how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_webhooks", skip_all)]
pub async fn prune_webhooks(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM channel_webhooks WHERE id IN (
            SELECT id FROM channel_webhooks
            WHERE status IN ('processed', 'ignored') AND processed_at < $1 ORDER BY processed_at LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    let dead = sqlx::query!(
        r#"
        DELETE FROM channel_webhooks WHERE id IN (
            SELECT id FROM channel_webhooks WHERE status IN ('failed', 'dead') AND created_at < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() + dead.rows_affected())
}

/// Removes recorded turns from before this instant, at most `limit`. Returns how many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_conversation_turns", skip_all)]
pub async fn prune_conversation_turns(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM conversation_turns WHERE (id, created_at) IN (
            SELECT id, created_at FROM conversation_turns WHERE created_at < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes what recorded turns depended on and none has named since before this instant, at most `limit`. Returns how
/// many.
#[tracing::instrument(level = "debug", name = "store.retention.prune_turn_circumstances", skip_all)]
pub async fn prune_turn_circumstances(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM turn_circumstances WHERE (organization_id, digest) IN (
            SELECT organization_id, digest FROM turn_circumstances WHERE used_at < $1 LIMIT $2
        )
        "#,
        before,
        limit
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
