//! `organization_members`: who belongs to an organization, with one built-in role each. The database refuses to leave an
//! organization without an active owner, at the commit.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, page::Page};

/// The constraint that keeps the last owner.
pub const LAST_OWNER: &str = "last_owner_guard";

/// A member.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Member {
    /// The membership.
    pub id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// Its address.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// A picture.
    pub avatar_url: Option<String>,
    /// The code of the built-in role.
    pub role: String,
    /// `active`, `suspended` or `removed`.
    pub status: String,
    /// What the person does there.
    pub title: Option<String>,
    /// How the person came in.
    pub source: String,
    /// Whether the account has a second factor.
    pub two_factor: bool,
    /// Since when.
    pub joined_at: DateTime<Utc>,
    /// When the membership ended.
    pub removed_at: Option<DateTime<Utc>>,
}

/// The members, newest first; those who left only if they are asked for by `status`.
#[tracing::instrument(level = "debug", name = "store.organization_members.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    status: Option<&str>,
    page: &Page,
) -> Result<Vec<Member>, Error> {
    Ok(sqlx::query_as!(
        Member,
        r#"
        SELECT m.id, m.user_id, u.email::text AS "email!", u.name, u.avatar_url, r.code AS role, m.status, m.title,
               m.source, u.two_factor_enabled_at IS NOT NULL AS "two_factor!", m.joined_at, m.removed_at
        FROM organization_members m JOIN users u ON u.id = m.user_id JOIN roles r ON r.id = m.role_id
        WHERE m.organization_id = $1 AND ($2::uuid IS NULL OR m.id < $2)
          AND m.status = coalesce($3, m.status) AND ($3 IS NOT NULL OR m.status <> 'removed')
        ORDER BY m.id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        page.after,
        status,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One member, also one who left.
#[tracing::instrument(level = "debug", name = "store.organization_members.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Member>, Error> {
    Ok(sqlx::query_as!(
        Member,
        r#"
        SELECT m.id, m.user_id, u.email::text AS "email!", u.name, u.avatar_url, r.code AS role, m.status, m.title,
               m.source, u.two_factor_enabled_at IS NOT NULL AS "two_factor!", m.joined_at, m.removed_at
        FROM organization_members m JOIN users u ON u.id = m.user_id JOIN roles r ON r.id = m.role_id
        WHERE m.organization_id = $1 AND m.id = $2
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The membership of an account, if it is not over.
#[tracing::instrument(level = "debug", name = "store.organization_members.of_user", skip_all)]
pub async fn of_user(tx: &mut Tx, scope: &OrgScope, user: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM organization_members WHERE organization_id = $1 AND user_id = $2 AND status <> 'removed'",
        scope.org().uuid(),
        user
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Whether a person of that address is a member.
#[tracing::instrument(level = "debug", name = "store.organization_members.has_email", skip_all)]
pub async fn has_email(tx: &mut Tx, scope: &OrgScope, email: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM organization_members m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
            WHERE m.organization_id = $1 AND m.status <> 'removed' AND u.email = $2::text::citext) AS "has!"
        "#,
        scope.org().uuid(),
        email
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Gives a member another role.
#[tracing::instrument(level = "debug", name = "store.organization_members.set_role", skip_all)]
pub async fn set_role(tx: &mut Tx, scope: &OrgScope, id: Uuid, role: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organization_members SET role_id = $3 WHERE organization_id = $1 AND id = $2 AND status <> 'removed'",
        scope.org().uuid(),
        id,
        role
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Says what a member does; none says nothing.
#[tracing::instrument(level = "debug", name = "store.organization_members.set_title", skip_all)]
pub async fn set_title(tx: &mut Tx, scope: &OrgScope, id: Uuid, title: Option<&str>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organization_members SET title = $3 WHERE organization_id = $1 AND id = $2 AND status <> 'removed'",
        scope.org().uuid(),
        id,
        title
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Suspends a member, or takes that back. False where the member is in that state, or left.
#[tracing::instrument(level = "debug", name = "store.organization_members.set_suspended", skip_all)]
pub async fn set_suspended(tx: &mut Tx, scope: &OrgScope, id: Uuid, suspended: bool) -> Result<bool, Error> {
    let (from, to) = if suspended { ("active", "suspended") } else { ("suspended", "active") };
    let done = sqlx::query!(
        "UPDATE organization_members SET status = $4 WHERE organization_id = $1 AND id = $2 AND status = $3",
        scope.org().uuid(),
        id,
        from,
        to
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a membership, with everything that was granted to it. False where there is none.
#[tracing::instrument(level = "debug", name = "store.organization_members.remove", skip_all)]
pub async fn remove(tx: &mut Tx, scope: &OrgScope, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE organization_members SET status = 'removed', removed_at = $3
        WHERE organization_id = $1 AND id = $2 AND status <> 'removed'
        "#,
        scope.org().uuid(),
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        "DELETE FROM team_members WHERE organization_id = $1 AND member_id = $2",
        scope.org().uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes an account a member, again if it was one before. Returns the membership. Works in every transaction that may
/// write members.
#[tracing::instrument(level = "debug", name = "store.organization_members.join", skip_all)]
pub async fn join(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    user: Uuid,
    role: Uuid,
    invited_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Uuid, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        INSERT INTO organization_members (organization_id, id, user_id, role_id, source, invited_by, joined_at)
        VALUES ($1, $2, $3, $4, 'invite', $5, $6)
        ON CONFLICT (organization_id, user_id) DO UPDATE
            SET role_id = excluded.role_id, status = 'active', source = 'invite', invited_by = excluded.invited_by,
                joined_at = excluded.joined_at, removed_at = NULL
        RETURNING id
        "#,
        scope.org().uuid(),
        id,
        user,
        role,
        invited_by,
        now,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Somebody who runs an organization, and how to write to them.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The account.
    pub user: Uuid,
    /// Its address.
    pub email: String,
    /// The language of its mails.
    pub locale: String,
}

/// The active owners and admins of an organization, owners first, at most twenty.
#[tracing::instrument(level = "debug", name = "store.organization_members.administrators", skip_all)]
pub async fn administrators(tx: &mut Tx, scope: &OrgScope) -> Result<Vec<Administrator>, Error> {
    Ok(sqlx::query_as!(
        Administrator,
        r#"
        SELECT u.id AS user, u.email::text AS "email!", u.locale
        FROM organization_members m JOIN roles r ON r.id = m.role_id AND r.code IN ('owner', 'admin')
        JOIN users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        WHERE m.organization_id = $1 AND m.status = 'active' ORDER BY r.rank DESC, m.id LIMIT 20
        "#,
        scope.org().uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
