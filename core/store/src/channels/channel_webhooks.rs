//! `channel_webhooks`: provider callbacks as they came, for diagnosis and replay.

mod table;

use botbuilder_domain::ChannelId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// A callback as it came.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: Uuid,
    /// The channel it came to.
    pub channel: ChannelId,
    /// What its first event is.
    pub event_type: &'static str,
    /// What makes it the same callback when it comes again.
    pub dedupe_key: String,
    /// The body.
    pub payload: Value,
    /// SHA-256 of the body's bytes.
    pub payload_hash: [u8; 32],
    /// Where it stands in the stream.
    pub stream_ref: String,
}

/// Writes callbacks; one that is there already is left alone.
#[tracing::instrument(level = "debug", name = "store.channel_webhooks.insert_many", skip_all)]
pub async fn insert_many(
    tx: &mut Tx,
    scope: &OrgScope,
    new: &[New],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = new.iter().map(|row| row.id).collect();
    let channels: Vec<Uuid> = new.iter().map(|row| row.channel.uuid()).collect();
    let types: Vec<&str> = new.iter().map(|row| row.event_type).collect();
    let keys: Vec<&str> = new.iter().map(|row| row.dedupe_key.as_str()).collect();
    let payloads: Vec<&Value> = new.iter().map(|row| &row.payload).collect();
    let hashes: Vec<&[u8]> = new.iter().map(|row| row.payload_hash.as_slice()).collect();
    let references: Vec<&str> = new.iter().map(|row| row.stream_ref.as_str()).collect();
    sqlx::query!(
        r#"
        INSERT INTO channel_webhooks
            (organization_id, id, channel_id, event_type, dedupe_key, signature_valid, payload, payload_hash,
             status, stream_ref, processed_at)
        SELECT $1, k.id, k.channel, k.type, left(k.key, 300), true, k.payload, k.hash, 'processed', k.reference, $9
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::bytea[], $8::text[])
             AS k(id, channel, type, key, payload, hash, reference)
        ON CONFLICT (channel_id, dedupe_key) DO NOTHING
        "#,
        scope.org().uuid(),
        &ids,
        &channels,
        &types as &[&str],
        &keys as &[&str],
        &payloads as &[&Value],
        &hashes as &[&[u8]],
        &references as &[&str],
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A callback that was not taken.
#[derive(Debug, Clone)]
pub struct NotTaken {
    /// Its id.
    pub id: Uuid,
    /// The channel it came to.
    pub channel: ChannelId,
    /// What makes it the same callback when it comes again.
    pub dedupe_key: String,
    /// Whether it is the provider's; then it could not be read, else it was ignored.
    pub signature_valid: bool,
    /// The body, an object.
    pub payload: Value,
    /// Some of its headers, by their names.
    pub headers: Value,
    /// SHA-256 of the body's bytes.
    pub payload_hash: [u8; 32],
    /// Why it was not taken.
    pub reason: String,
}

/// Writes a callback that was not taken; one that is there already is left alone.
#[tracing::instrument(level = "debug", name = "store.channel_webhooks.insert_not_taken", skip_all)]
pub async fn insert_not_taken(tx: &mut Tx, scope: &OrgScope, new: &NotTaken) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO channel_webhooks
            (organization_id, id, channel_id, event_type, dedupe_key, signature_valid, payload, headers, payload_hash,
             status, error_message, processed_at)
        VALUES ($1, $2, $3, 'unknown', $4, $5, $6, $7, $8, CASE WHEN $5 THEN 'dead' ELSE 'ignored' END, left($9, 2000),
                CASE WHEN $5 THEN NULL ELSE now() END)
        ON CONFLICT (channel_id, dedupe_key) DO NOTHING
        "#,
        scope.org().uuid(),
        new.id,
        new.channel.uuid(),
        new.dedupe_key,
        new.signature_valid,
        new.payload,
        new.headers,
        new.payload_hash.as_slice(),
        new.reason,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
