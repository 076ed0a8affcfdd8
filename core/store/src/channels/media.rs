//! The files of `channel_messages`: which are to be fetched, what became of them, who else has them.
//!
//! `media` is empty until then; afterwards it holds an object for each file: `status` (`stored` or `failed`), `sha256`,
//! `type`, `size` in bytes, `name`, `provider_ref`.

use botbuilder_domain::{ChannelId, ContactId, MessageId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A message whose file is to be fetched.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// The message.
    pub id: MessageId,
    /// The tenant.
    pub org: OrgId,
    /// The channel it came on.
    pub channel: ChannelId,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// What the message holds.
    pub payload: Value,
}

/// Takes the message whose file has been due the longest, of an organization that is not `busy`: one that came in, or that
/// a person of ours sent from another place, which alone goes out with an instant of the provider's. Whoever takes it has until
/// `until`. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.media.claim", skip_all)]
pub async fn claim(
    tx: &mut Tx,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    busy: &[OrgId],
) -> Result<Option<Awaited>, Error> {
    let busy: Vec<Uuid> = busy.iter().map(|org| org.uuid()).collect();
    let row = sqlx::query!(
        r#"
        UPDATE channel_messages m SET attempts = m.attempts + 1, next_attempt_at = $2
        FROM (
            SELECT id, created_at FROM channel_messages
            WHERE (direction = 'inbound' OR provider_ts IS NOT NULL)
              AND kind IN ('image', 'video', 'audio', 'document', 'sticker') AND media = '[]' AND redacted_at IS NULL AND coalesce(next_attempt_at, created_at) <= $1
              AND organization_id <> ALL($3)
            ORDER BY coalesce(next_attempt_at, created_at) LIMIT 1 FOR UPDATE SKIP LOCKED
        ) due
        WHERE m.id = due.id AND m.created_at = due.created_at
        RETURNING m.id, m.organization_id, m.channel_id, m.attempts, m.payload
        "#,
        now,
        until,
        &busy,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Awaited {
        id: row.id.into(),
        org: row.organization_id.into(),
        channel: row.channel_id.into(),
        attempt: row.attempts,
        payload: row.payload,
    }))
}

/// Whoever took a message has until `until` for the next of its files.
#[tracing::instrument(level = "debug", name = "store.media.renew", skip_all)]
pub async fn renew(tx: &mut Tx, scope: &OrgScope, id: MessageId, until: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE channel_messages SET next_attempt_at = $4
         WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND media = '[]'",
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        until,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a message's files are kept, or why not, in their order. False if the message was emptied meanwhile, or another
/// part of it has come.
#[tracing::instrument(level = "debug", name = "store.media.stored", skip_all)]
pub async fn stored(tx: &mut Tx, scope: &OrgScope, id: MessageId, files: &[Value]) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE channel_messages
        SET media = $4, next_attempt_at = NULL, error_code = NULL, error_message = NULL
        WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND redacted_at IS NULL
          AND jsonb_array_length(coalesce(payload -> 'items', '[0]'::jsonb)) = jsonb_array_length($4)
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        json!(files),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a message's file was not had this time, and when it is tried again.
#[tracing::instrument(level = "debug", name = "store.media.put_off", skip_all)]
pub async fn put_off(
    tx: &mut Tx,
    scope: &OrgScope,
    id: MessageId,
    at: DateTime<Utc>,
    code: &str,
    reason: &str,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_messages
        SET next_attempt_at = $4, error_code = left($5, 64), error_message = left($6, 1000)
        WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND media = '[]'
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        at,
        code,
        reason,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that none of a message's files will be had.
#[tracing::instrument(level = "debug", name = "store.media.failed", skip_all)]
pub async fn failed(
    tx: &mut Tx,
    scope: &OrgScope,
    id: MessageId,
    files: &[Value],
    code: &str,
    reason: &str,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_messages
        SET media = $4, next_attempt_at = NULL, error_code = left($5, 64), error_message = left($6, 1000)
        WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND media = '[]' AND redacted_at IS NULL
          AND jsonb_array_length(coalesce(payload -> 'items', '[0]'::jsonb)) = jsonb_array_length($4)
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        json!(files),
        code,
        reason,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The files of a message; none if there is no such message.
#[tracing::instrument(level = "debug", name = "store.media.of_message", skip_all)]
pub async fn of_message(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT media FROM channel_messages WHERE organization_id = $1 AND id = $2 AND created_at = $3",
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Whether a message was emptied.
#[tracing::instrument(level = "debug", name = "store.media.is_emptied", skip_all)]
pub async fn is_emptied(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<bool, Error> {
    let emptied = sqlx::query_scalar!(
        r#"
        SELECT redacted_at IS NOT NULL AS "emptied!" FROM channel_messages
        WHERE organization_id = $1 AND id = $2 AND created_at = $3
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(emptied.unwrap_or(true))
}

/// The digests of the files that a contact's messages have, and nobody else's in the organization: no other contact's
/// message, no document that was uploaded, no flow and no brand, so that what is for everybody stays.
#[tracing::instrument(level = "debug", name = "store.media.only_of_contact", skip_all)]
pub async fn only_of_contact(
    tx: &mut Tx,
    scope: &OrgScope,
    contact: ContactId,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT DISTINCT f.file ->> 'sha256' AS "sha256!"
        FROM channel_messages m, jsonb_array_elements(m.media) AS f(file)
        WHERE m.organization_id = $1 AND m.contact_id = $2 AND m.media <> '[]' AND f.file ? 'sha256'
          AND NOT EXISTS (
              SELECT 1 FROM channel_messages o
              WHERE o.organization_id = $1 AND o.contact_id <> $2 AND o.media <> '[]'
                AND o.media @> jsonb_build_array(jsonb_build_object('sha256', f.file ->> 'sha256')))
          AND NOT EXISTS (
              SELECT 1 FROM documents d
              WHERE d.organization_id = $1 AND d.source_type = 'upload'
                AND d.content_hash = decode(f.file ->> 'sha256', 'hex'))
          AND NOT EXISTS (
              SELECT 1 FROM bot_flows b
              WHERE b.organization_id = $1
                AND strpos(b.draft_definition::text, 'object:' || (f.file ->> 'sha256')) > 0)
          AND NOT EXISTS (
              SELECT 1 FROM entity_versions v
              WHERE v.organization_id = $1
                AND strpos(v.data::text, 'object:' || (f.file ->> 'sha256')) > 0)
          AND NOT EXISTS (
              SELECT 1 FROM whitelabel_settings w
              WHERE w.organization_id = $1
                AND strpos(concat_ws(' ', w.logo_url, w.logo_dark_url, w.favicon_url), f.file ->> 'sha256') > 0)
        "#,
        scope.org().uuid(),
        contact.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Whether any message, flow, uploaded document or the brand of the organization has a file.
#[tracing::instrument(level = "debug", name = "store.media.is_used", skip_all)]
pub async fn is_used(tx: &mut Tx, scope: &OrgScope, sha256: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT 1 FROM channel_messages
            WHERE organization_id = $1 AND media <> '[]' AND media @> $2)
        OR EXISTS (
            SELECT 1 FROM documents
            WHERE organization_id = $1 AND source_type = 'upload' AND content_hash = decode($3, 'hex'))
        OR EXISTS (
            SELECT 1 FROM fine_tune_datasets WHERE organization_id = $1 AND content_hash = decode($3, 'hex'))
        OR EXISTS (
            SELECT 1 FROM bot_flows
            WHERE organization_id = $1 AND strpos(draft_definition::text, 'object:' || $3) > 0)
        OR EXISTS (
            SELECT 1 FROM entity_versions
            WHERE organization_id = $1 AND strpos(data::text, 'object:' || $3) > 0)
        OR EXISTS (
            SELECT 1 FROM whitelabel_settings
            WHERE organization_id = $1 AND strpos(concat_ws(' ', logo_url, logo_dark_url, favicon_url), $3) > 0)
            AS "used!"
        "#,
        scope.org().uuid(),
        json!([{ "sha256": sha256 }]),
        sha256,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
