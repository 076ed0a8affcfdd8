//! Tokens of channels that end, and are renewed before.

use botbuilder_domain::{ChannelId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::channels::credentials_place;
use crate::{Error, OrgScope, Tx, secret::DataKeys};

/// A channel whose token is to be renewed.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The tenant.
    pub org: OrgId,
    /// The channel.
    pub id: ChannelId,
    /// When its credentials were last replaced.
    pub rotated_at: Option<DateTime<Utc>>,
}

/// The connected channels of networks whose tokens end, where theirs ends before an instant or it is not known when it
/// does. One that was entered after `since` is too new to be renewed. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.tokens.due", skip_all)]
pub async fn due(
    tx: &mut Tx,
    before: DateTime<Utc>,
    since: DateTime<Utc>,
    after: Option<ChannelId>,
    most: i64,
) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id, credentials_rotated_at FROM channels
        WHERE type = 'instagram' AND status = 'active' AND deleted_at IS NULL
          AND (token_expires_at IS NULL OR token_expires_at < $1)
          AND coalesce(credentials_rotated_at, created_at) < $2
          AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id LIMIT $4
        "#,
        before,
        since,
        after.map(ChannelId::uuid),
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let due =
        |org: uuid::Uuid, id: uuid::Uuid, rotated_at| Due { org: org.into(), id: id.into(), rotated_at };
    Ok(rows.into_iter().map(|row| due(row.organization_id, row.id, row.credentials_rotated_at)).collect())
}

/// Writes credentials with a renewed token. False if somebody replaced them meanwhile: theirs stay.
#[tracing::instrument(level = "debug", name = "store.tokens.renew", skip_all)]
pub async fn renew(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    due: &Due,
    credentials: &Map<String, Value>,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let plain = Value::Object(credentials.clone()).to_string();
    let sealed = keys.seal(credentials_place(due.id), plain.as_bytes())?;
    let done = sqlx::query!(
        r#"
        UPDATE channels SET credentials_ct = $3, credentials_kid = $4, credentials_rotated_at = $5,
                            token_expires_at = $6,
                            health = CASE WHEN error_code = 'token_not_renewed' THEN 'healthy' ELSE health END,
                            error_message = CASE WHEN error_code = 'token_not_renewed' THEN NULL ELSE error_message END,
                            error_code = nullif(error_code, 'token_not_renewed')
        WHERE organization_id = $1 AND id = $2 AND credentials_rotated_at IS NOT DISTINCT FROM $7
        "#,
        scope.org().uuid(),
        due.id.uuid(),
        sealed.ciphertext,
        sealed.key_id,
        now,
        expires_at,
        due.rotated_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}
