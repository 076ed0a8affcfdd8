//! Messages that wait for longer than a moment before they are sent: rows of `outbox_events` that nobody publishes. The
//! dispatcher that owns a conversation's partition puts them aside and takes them up again.

use botbuilder_domain::{MessageId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, system::outbox_events};

/// The type of a message that asks again whether it may go.
const PARKED: &str = "message.parked";
/// The type of a message that has its turn at the account's rate.
const SCHEDULED: &str = "message.scheduled";

/// A message to be put aside.
#[derive(Debug, Clone)]
pub struct New {
    /// The record's id.
    pub id: Uuid,
    /// The message.
    pub message: MessageId,
    /// The topic it came from.
    pub topic: &'static str,
    /// Its conversation's key on the topic.
    pub key: String,
    /// The record.
    pub payload: Value,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Whether it has its turn at the account's rate then.
    pub scheduled: bool,
}

/// Puts a message aside; the answer is its position.
#[tracing::instrument(level = "debug", name = "store.parked_messages.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: New) -> Result<i64, Error> {
    let row = outbox_events::New {
        id: new.id,
        topic: new.topic,
        partition_key: new.key,
        event_type: if new.scheduled { SCHEDULED } else { PARKED },
        entity: Some(new.message.uuid()),
        payload: new.payload,
        available_at: new.until,
    };
    let positions = outbox_events::insert_many(tx, scope, &[row]).await?;
    positions.first().copied().ok_or_else(|| {
        Error::inconsistent("outbox_events", "position", new.id, "inserted row was not returned")
    })
}

/// A record that cannot be written as JSON.
pub fn unwritable(message: MessageId, reason: &serde_json::Error) -> Error {
    Error::inconsistent("outbox_events", "payload", message, reason)
}

/// Puts a message off once more.
#[tracing::instrument(level = "debug", name = "store.parked_messages.put_off", skip_all)]
pub async fn put_off(
    tx: &mut Tx,
    scope: &OrgScope,
    position: i64,
    until: DateTime<Utc>,
    scheduled: bool,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE outbox_events SET available_at = $3, event_type = $4
        WHERE organization_id = $1 AND position = $2 AND published_at IS NULL
        "#,
        scope.org().uuid(),
        position,
        until,
        if scheduled { SCHEDULED } else { PARKED },
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A message that was put aside.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Its position.
    pub position: i64,
    /// The message.
    pub message: MessageId,
    /// Its conversation's key.
    pub key: String,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Everything that is put aside of a topic. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.parked_messages.list", skip_all)]
pub async fn list(tx: &mut Tx, topic: &str) -> Result<Vec<Parked>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT position, entity_id AS "message!", partition_key, available_at FROM outbox_events
        WHERE published_at IS NULL AND event_type IN ('message.parked', 'message.scheduled') AND topic = $1
          AND entity_id IS NOT NULL
        "#,
        topic
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Parked {
            position: row.position,
            message: MessageId::from(row.message),
            key: row.partition_key,
            until: row.available_at,
        })
        .collect())
}

/// The record of a message that was put aside.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its position.
    pub position: i64,
    /// The tenant.
    pub org: OrgId,
    /// The record.
    pub payload: Value,
    /// Whether it has its turn at the account's rate.
    pub scheduled: bool,
}

/// The records at these positions that are still put aside. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.parked_messages.take", skip_all)]
pub async fn take(tx: &mut Tx, positions: &[i64]) -> Result<Vec<Taken>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT position, organization_id AS "org!", payload, event_type FROM outbox_events
        WHERE position = ANY($1) AND published_at IS NULL AND organization_id IS NOT NULL
        "#,
        positions
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Taken {
            position: row.position,
            org: OrgId::from(row.org),
            payload: row.payload,
            scheduled: row.event_type == SCHEDULED,
        })
        .collect())
}
