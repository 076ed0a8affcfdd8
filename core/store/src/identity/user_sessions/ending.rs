//! How sessions end before their time: by their owner, for the owner's safety, or because the identity provider says so.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its owner signed out.
    Logout,
    /// Its owner signed out everywhere, or ended it from another one.
    LogoutAll,
    /// A refresh token was shown twice.
    ReuseDetected,
    /// Password, address or second factor changed.
    PasswordChange,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::ReuseDetected => "reuse_detected",
            Self::PasswordChange => "password_change",
        }
    }
}

/// Ends one session of a person. False where there is no such, or it is over.
#[tracing::instrument(level = "debug", name = "store.user_sessions.revoke", skip_all)]
pub async fn revoke(
    tx: &mut Tx,
    user: Uuid,
    id: Uuid,
    why: Ended,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $3, revoke_reason = $4
        WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL
        "#,
        user,
        id,
        now,
        why.as_str(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of a person but one. Returns how many.
#[tracing::instrument(level = "debug", name = "store.user_sessions.revoke_others", skip_all)]
pub async fn revoke_others(
    tx: &mut Tx,
    user: Uuid,
    but: Option<Uuid>,
    why: Ended,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $3, revoke_reason = $4
        WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
        "#,
        user,
        but,
        now,
        why.as_str(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// The identity provider that vouched for the person of a session.
#[derive(Debug, Clone)]
pub struct OfProvider {
    /// The connection.
    pub connection: Uuid,
    /// The person's name there, where it ends sessions by that.
    pub name: Option<Value>,
    /// Its own number of the session.
    pub session: Option<String>,
}

/// Who vouched for the person of a session.
#[tracing::instrument(level = "debug", name = "store.user_sessions.provider_of", skip_all)]
pub async fn provider_of(tx: &mut Tx, id: Uuid) -> Result<Option<OfProvider>, Error> {
    Ok(sqlx::query_as!(
        OfProvider,
        r#"
        SELECT sso_configuration_id AS "connection!", sso_name AS name, sso_session_index AS session
        FROM user_sessions WHERE id = $1 AND sso_configuration_id IS NOT NULL
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Ends the sessions that a provider wants ended: those of this name there, and of these numbers where some are named. One
/// without a number is meant by each. Returns what was ended, with whose it was.
#[tracing::instrument(level = "debug", name = "store.user_sessions.end_of_provider", skip_all)]
pub async fn end_of_provider(
    tx: &mut Tx,
    connection: Uuid,
    name: &str,
    sessions: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let ended = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $4, revoke_reason = 'logout'
        WHERE sso_configuration_id = $1 AND sso_name ->> 'name' = $2 AND revoked_at IS NULL
          AND (cardinality($3::text[]) = 0 OR sso_session_index IS NULL OR sso_session_index = ANY ($3))
        RETURNING id, user_id
        "#,
        connection,
        name,
        sessions,
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(ended.into_iter().map(|row| (row.id, row.user_id)).collect())
}
