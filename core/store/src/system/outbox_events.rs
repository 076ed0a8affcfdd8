//! `outbox_events`: records written with the change they speak of, published to the stream after the commit.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A record to be published.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: Uuid,
    /// The topic it goes to.
    pub topic: &'static str,
    /// Its key on the topic.
    pub partition_key: String,
    /// What it says, in a word.
    pub event_type: &'static str,
    /// The row it speaks of.
    pub entity: Option<Uuid>,
    /// The record.
    pub payload: Value,
    /// When it may be published.
    pub available_at: DateTime<Utc>,
}

/// Writes records; the answers are their positions, in order.
#[tracing::instrument(level = "debug", name = "store.outbox_events.insert_many", skip_all)]
pub async fn insert_many(tx: &mut Tx, scope: &OrgScope, new: &[New]) -> Result<Vec<i64>, Error> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = new.iter().map(|row| row.id).collect();
    let topics: Vec<&str> = new.iter().map(|row| row.topic).collect();
    let keys: Vec<&str> = new.iter().map(|row| row.partition_key.as_str()).collect();
    let types: Vec<&str> = new.iter().map(|row| row.event_type).collect();
    let entities: Vec<Option<Uuid>> = new.iter().map(|row| row.entity).collect();
    let payloads: Vec<&Value> = new.iter().map(|row| &row.payload).collect();
    let available: Vec<DateTime<Utc>> = new.iter().map(|row| row.available_at).collect();
    let rows = sqlx::query!(
        r#"
        INSERT INTO outbox_events
            (organization_id, id, topic, partition_key, event_type, entity_id, payload, available_at)
        SELECT $1, k.id, k.topic, k.key, k.type, k.entity, k.payload, k.available
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[], $8::timestamptz[])
             WITH ORDINALITY AS k(id, topic, key, type, entity, payload, available, ord)
        ORDER BY k.ord
        RETURNING id, position
        "#,
        scope.org().uuid(),
        &ids,
        &topics as &[&str],
        &keys as &[&str],
        &types as &[&str],
        &entities as &[Option<Uuid>],
        &payloads as &[&Value],
        &available,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let positions: std::collections::HashMap<Uuid, i64> =
        rows.into_iter().map(|row| (row.id, row.position)).collect();
    new.iter()
        .map(|row| {
            positions.get(&row.id).copied().ok_or_else(|| {
                Error::inconsistent("outbox_events", "position", row.id, "inserted row was not returned")
            })
        })
        .collect()
}

/// A record that is not published yet.
#[derive(Debug, Clone)]
pub struct Unpublished {
    /// Its position.
    pub position: i64,
    /// The topic it goes to.
    pub topic: String,
    /// Its key on the topic.
    pub partition_key: String,
    /// The record.
    pub payload: Value,
}

/// Unpublished records in the order of their positions, those that became available before `before`. Selects what
/// is unpublished, never "greater than the last number seen": numbers are taken before the commit and may appear
/// late. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.outbox_events.unpublished", skip_all)]
pub async fn unpublished(
    tx: &mut Tx,
    topic: Option<&str>,
    after: i64,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Unpublished>, Error> {
    let rows = sqlx::query_as!(
        Unpublished,
        r#"
        SELECT position, topic, partition_key, payload FROM outbox_events
        WHERE published_at IS NULL AND available_at <= $3 AND ($1::text IS NULL OR topic = $1) AND position > $2
          -- Events have takers of their own; what the dispatcher has put aside it takes up by itself; what is sent in
          -- bulk has a job of its own; what is held waits for its contact.
          AND topic <> 'events'
          AND event_type NOT IN ('message.parked', 'message.scheduled', 'message.bulk', 'message.held')
        ORDER BY position LIMIT $4
        "#,
        topic,
        after,
        before,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows)
}

/// The type of a message that was written over the API: nobody publishes it but the relay.
pub const SAID: &str = "message.said";

/// Records that were written over the API and may be published at once: of each topic and key the first that is due and
/// unpublished, if it is such a record. So none of them overtakes what was committed before it, whoever publishes that.
/// Whoever else asks at the same time gets others, until this transaction is over. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.outbox_events.said", skip_all)]
pub async fn said(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Unpublished>, Error> {
    let rows = sqlx::query_as!(
        Unpublished,
        r#"
        SELECT position, topic, partition_key, payload FROM outbox_events
        WHERE published_at IS NULL AND position IN (
            SELECT position FROM (
                SELECT position, event_type,
                       row_number() OVER (PARTITION BY topic, partition_key ORDER BY position) AS place
                FROM outbox_events
                WHERE published_at IS NULL AND available_at <= $1 AND topic <> 'events'
                  AND event_type NOT IN ('message.parked', 'message.scheduled', 'message.bulk', 'message.held')
            ) AS waiting
            WHERE place = 1 AND event_type IN ('message.said', 'conversation.event')
        )
        ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows)
}

/// Marks records as published. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.outbox_events.mark_published", skip_all)]
pub async fn mark_published(tx: &mut Tx, positions: &[i64], now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE outbox_events SET published_at = $2 WHERE position = ANY($1) AND published_at IS NULL",
        positions,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
