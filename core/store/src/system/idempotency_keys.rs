//! `idempotency_keys`: answers kept under a key of the caller's, so that a repeated call changes nothing twice.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, secret::Sealed};

/// A call that carries a key.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// The id of the row.
    pub id: Uuid,
    /// Who calls: keys of different callers are apart. At most 80 characters.
    pub principal: &'a str,
    /// The key, at most 128 characters.
    pub key: &'a str,
    /// The method.
    pub method: &'a str,
    /// The address, at most 300 characters.
    pub path: &'a str,
    /// A digest of the whole call.
    pub request_hash: [u8; 32],
    /// The present instant.
    pub now: DateTime<Utc>,
    /// Until when nobody else may take the key over, if the caller never ends.
    pub locked_until: DateTime<Utc>,
    /// When the answer is forgotten.
    pub expires_at: DateTime<Utc>,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: the call is ours to make, under this row.
    Ours(Uuid),
    /// The same call is being made.
    InProgress,
    /// The key was used for another call.
    Other,
    /// The call was made, and the program died before it kept the answer.
    Lost,
    /// The call was made, with this answer.
    Answered {
        /// The row.
        id: Uuid,
        /// The status.
        status: u16,
        /// The answer in clear.
        body: Option<Value>,
        /// The answer, sealed.
        sealed: Option<Sealed>,
    },
}

/// Takes a key, or says what became of the call that took it before.
#[tracing::instrument(level = "debug", name = "store.idempotency_keys.claim", skip_all)]
pub async fn claim(tx: &mut Tx, scope: &OrgScope, new: &New<'_>) -> Result<Claim, Error> {
    // Taken over where the answer is forgotten, or where the same call was begun and never ended.
    let claimed = sqlx::query_scalar!(
        r#"
        INSERT INTO idempotency_keys AS k
            (organization_id, id, principal, key, method, path, request_hash, locked_until, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (organization_id, principal, key) DO UPDATE
        SET id = EXCLUDED.id, method = EXCLUDED.method, path = EXCLUDED.path, request_hash = EXCLUDED.request_hash,
            status = 'in_progress', response_status = NULL, response_body = NULL, response_ct = NULL,
            response_kid = NULL, resource_id = NULL, locked_until = EXCLUDED.locked_until,
            expires_at = EXCLUDED.expires_at
        WHERE k.expires_at <= $10
           OR (k.status = 'in_progress' AND k.locked_until <= $10 AND k.request_hash = EXCLUDED.request_hash)
        RETURNING k.id
        "#,
        scope.org().uuid(),
        new.id,
        new.principal,
        new.key,
        new.method,
        new.path,
        new.request_hash.as_slice(),
        new.locked_until,
        new.expires_at,
        new.now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    if let Some(id) = claimed {
        return Ok(Claim::Ours(id));
    }
    let row = sqlx::query!(
        r#"
        SELECT id, request_hash, status, response_status, response_body, response_ct, response_kid, locked_until
        FROM idempotency_keys WHERE organization_id = $1 AND principal = $2 AND key = $3
        "#,
        scope.org().uuid(),
        new.principal,
        new.key,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    // It is gone if the other call failed just now: whoever asks again will have it.
    let Some(row) = row else { return Ok(Claim::InProgress) };
    if row.request_hash != new.request_hash {
        return Ok(Claim::Other);
    }
    let Some(status) = row.response_status.filter(|_| row.status == "completed") else {
        // Made and not answered yet: whoever makes it may still be about to.
        let is_lost = row.status == "completed" && row.locked_until <= new.now;
        return Ok(if is_lost { Claim::Lost } else { Claim::InProgress });
    };
    let sealed = match (row.response_ct, row.response_kid) {
        (Some(ciphertext), Some(key_id)) => Some(Sealed { ciphertext, key_id }),
        _ => None,
    };
    let status = u16::try_from(status)
        .map_err(|error| Error::inconsistent("idempotency_keys", "response_status", row.id, error))?;
    Ok(Claim::Answered { id: row.id, status, body: row.response_body, sealed })
}

/// Notes, in a transaction that changed something, that the call to which the scope belongs was made: if its answer is
/// lost, it is not made again. A transaction that only read leaves no note.
#[tracing::instrument(level = "debug", name = "store.idempotency_keys.note_made", skip_all)]
pub(crate) async fn note_made(tx: &mut Tx, scope: &OrgScope) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE idempotency_keys SET status = 'completed'
        WHERE organization_id = $1 AND id = $2 AND status = 'in_progress'
          -- A transaction has a number from its first write on.
          AND pg_current_xact_id_if_assigned() IS NOT NULL
        "#,
        scope.org().uuid(),
        scope.call(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Keeps the answer, in clear or sealed.
#[tracing::instrument(level = "debug", name = "store.idempotency_keys.complete", skip_all)]
pub async fn complete(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    status: u16,
    body: Option<&Value>,
    sealed: Option<&Sealed>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE idempotency_keys
        SET status = 'completed', response_status = $3, response_body = $4, response_ct = $5, response_kid = $6
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id,
        i32::from(status),
        body,
        sealed.map(|sealed| sealed.ciphertext.as_slice()),
        sealed.map(|sealed| sealed.key_id.as_str()),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Gives a key back if the call changed nothing: it may be made again.
#[tracing::instrument(level = "debug", name = "store.idempotency_keys.release", skip_all)]
pub async fn release(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM idempotency_keys WHERE organization_id = $1 AND id = $2 AND status = 'in_progress'",
        scope.org().uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
