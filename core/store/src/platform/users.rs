//! Accounts as platform staff see them: no password, no second factor, only whether there is one.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// Accounts, the latest first; with `text`, those whose address or name holds it. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.platform.users.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    text: Option<&str>,
    staff_only: bool,
    page: Page,
) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', id, 'email', email, 'name', name, 'status', status,
                   'platform_role', platform_role, 'email_verified_at', email_verified_at,
                   'two_factor_enabled_at', two_factor_enabled_at, 'failed_logins', failed_logins,
                   'last_login_at', last_login_at, 'created_at', created_at) AS "row!"
        FROM users
        WHERE deleted_at IS NULL AND ($1::text IS NULL OR strpos(lower(email::text || ' ' || name), lower($1)) > 0)
          AND (NOT $2 OR platform_role <> 'none') AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        "#,
        text,
        staff_only,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One account, with the organizations it belongs to.
#[tracing::instrument(level = "debug", name = "store.platform.users.get", skip_all)]
pub async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', u.id, 'email', u.email, 'name', u.name, 'status', u.status,
                   'platform_role', u.platform_role, 'email_verified_at', u.email_verified_at,
                   'two_factor_enabled_at', u.two_factor_enabled_at, 'failed_logins', u.failed_logins,
                   'delay_until', u.delay_until, 'last_login_at', u.last_login_at, 'created_at', u.created_at,
                   'organizations', coalesce((
                       SELECT jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', r.code,
                                                           'status', m.status) ORDER BY o.id)
                       FROM organization_members m JOIN organizations o ON o.id = m.organization_id
                       JOIN roles r ON r.id = m.role_id
                       WHERE m.user_id = u.id AND m.status <> 'removed'), '[]')) AS "row!"
        FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// What staff change of an account; what is none stays.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// `active` or `suspended`.
    pub status: Option<&'a str>,
    /// `none`, `support` or `superadmin`.
    pub platform_role: Option<&'a str>,
}

/// Changes an account, and ends its sessions where it is suspended. False where there is none.
#[tracing::instrument(level = "debug", name = "store.platform.users.update", skip_all)]
pub async fn update(tx: &mut Tx, id: Uuid, change: Change<'_>, now: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE users SET status = coalesce($2, status), platform_role = coalesce($3, platform_role)
        WHERE id = $1 AND deleted_at IS NULL
        "#,
        id,
        change.status,
        change.platform_role,
    )
    .execute(&mut *tx.inner)
    .await?;
    if change.status == Some("suspended") {
        end_sessions(tx, id, now).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Ends every session of an account. Returns how many.
#[tracing::instrument(level = "debug", name = "store.platform.users.end_sessions", skip_all)]
pub async fn end_sessions(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $2, revoke_reason = 'admin'
        WHERE user_id = $1 AND revoked_at IS NULL
        "#,
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// How many accounts may do everything, apart from this one. The rows are held until the transaction ends, so that two
/// cannot take the right from each other at once.
#[tracing::instrument(level = "debug", name = "store.platform.users.other_superadmins", skip_all)]
pub async fn other_superadmins(tx: &mut Tx, but: Uuid) -> Result<usize, Error> {
    let others = sqlx::query_scalar!(
        r#"
        SELECT id FROM users
        WHERE platform_role = 'superadmin' AND status = 'active' AND deleted_at IS NULL ORDER BY id FOR UPDATE
        "#
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(others.into_iter().filter(|id| *id != but).count())
}

/// Makes an account staff: used at the machine itself. Its address counts as proved.
#[tracing::instrument(level = "debug", name = "store.platform.users.make_staff", skip_all)]
pub async fn make_staff(tx: &mut Tx, id: Uuid, role: &str, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE users SET platform_role = $2, email_verified_at = coalesce(email_verified_at, $3) WHERE id = $1
        "#,
        id,
        role,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
