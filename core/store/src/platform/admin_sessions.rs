//! `admin_sessions`: short sessions of platform staff, always with a second factor.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, Tx, identity::opaque::Hash};

/// A session to be opened, after a second factor was shown.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// The account.
    pub user: Uuid,
    /// What is stored of its token.
    pub hash: Hash,
    /// Where it is used from; from nowhere else.
    pub ip: &'a str,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// When it ends, used or not.
    pub expires_at: DateTime<Utc>,
}

/// Opens a session.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.insert", skip_all)]
pub async fn insert(tx: &mut Tx, new: &New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO admin_sessions
            (id, user_id, token_hash, mfa_verified_at, ip, user_agent, last_seen_at, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5::text::inet, $6, $4, $7, $4)
        "#,
        new.id,
        new.user,
        new.hash.as_slice(),
        now,
        new.ip,
        new.user_agent,
        new.expires_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A member of staff with a valid session.
#[derive(Debug, Clone)]
pub struct Staff {
    /// The session.
    pub session: Uuid,
    /// The account.
    pub user: Uuid,
    /// Its address.
    pub email: String,
    /// `support` or `superadmin`.
    pub role: String,
    /// Where the session was opened.
    pub ip: String,
    /// Until when it may do what is dangerous.
    pub elevated_until: Option<DateTime<Utc>>,
    /// When it was last seen.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends, used or not.
    pub expires_at: DateTime<Utc>,
    /// The organization it acts in at the moment.
    pub impersonating: Option<Uuid>,
    /// Until when.
    pub impersonation_ends_at: Option<DateTime<Utc>>,
}

/// Whose token this is, if the session is valid, was used since `idle_since`, and its owner still is staff with a second
/// factor.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.authenticate", skip_all)]
pub async fn authenticate(
    tx: &mut Tx,
    token: &Hash,
    idle_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Staff>, Error> {
    Ok(sqlx::query_as!(
        Staff,
        r#"
        SELECT s.id AS session, s.user_id AS user, u.email::text AS "email!", u.platform_role AS role,
               host(s.ip) AS "ip!", s.elevated_until, s.last_seen_at, s.expires_at,
               s.impersonated_organization_id AS impersonating, s.impersonation_ends_at
        FROM admin_sessions s
        JOIN users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
                    AND u.platform_role <> 'none' AND u.two_factor_enabled_at IS NOT NULL
        WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $3 AND s.last_seen_at > $2
        "#,
        token.as_slice(),
        idle_since,
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Notes that a session was seen.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.seen", skip_all)]
pub async fn seen(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("UPDATE admin_sessions SET last_seen_at = $2 WHERE id = $1", id, now)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Lets a session do what is dangerous until then: a second factor was shown again.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.elevate", skip_all)]
pub async fn elevate(tx: &mut Tx, id: Uuid, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE admin_sessions SET elevated_until = $2, mfa_verified_at = $3 WHERE id = $1",
        id,
        until,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Ends a session, and with it what it opened in organizations. `why` is `logout`, `admin` or `ip_change`. False where
/// there is no such, or it is over.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.revoke", skip_all)]
pub async fn revoke(tx: &mut Tx, id: Uuid, why: &str, now: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE admin_sessions SET revoked_at = $2, revoke_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
        id,
        now,
        why
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of an account: it is no staff any more. Returns how many.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.revoke_all", skip_all)]
pub async fn revoke_all(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE admin_sessions SET revoked_at = $2, revoke_reason = 'admin' WHERE user_id = $1 AND revoked_at IS NULL",
        user,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// What a session of staff does in an organization.
#[derive(Debug, Clone)]
pub struct Impersonation<'a> {
    /// The session of staff.
    pub session: Uuid,
    /// The organization.
    pub organization: Uuid,
    /// Why.
    pub reason: &'a str,
    /// Until when.
    pub ends_at: DateTime<Utc>,
}

/// Begins to act in an organization, in place of another one if there was one. The session there is opened apart from
/// it (`user_sessions::impersonate`).
#[tracing::instrument(level = "debug", name = "store.admin_sessions.impersonate", skip_all)]
pub async fn impersonate(tx: &mut Tx, what: &Impersonation<'_>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE admin_sessions
        SET impersonated_organization_id = $2, impersonation_reason = $3, impersonation_ends_at = $4
        WHERE id = $1
        "#,
        what.session,
        what.organization,
        what.reason,
        what.ends_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Ends what a session does in an organization. Returns how many sessions there were open.
#[tracing::instrument(level = "debug", name = "store.admin_sessions.stop_impersonating", skip_all)]
pub async fn stop_impersonating(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $2, revoke_reason = 'admin'
        WHERE impersonation_session_id = $1 AND revoked_at IS NULL
        "#,
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE admin_sessions
        SET impersonated_organization_id = NULL, impersonation_reason = NULL, impersonation_ends_at = NULL
        WHERE id = $1
        "#,
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
