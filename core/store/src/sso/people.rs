//! Who somebody at an identity provider is here: the link to an account, the membership, the roles that groups give.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::connections::Connection;
use crate::{Error, OrgScope, Tx};

/// A link between an account and somebody at a provider.
#[derive(Debug, Clone)]
pub struct Link {
    /// The link.
    pub id: Uuid,
    /// The account.
    pub user: Uuid,
    /// Whether the provider still vouches for them.
    pub is_active: bool,
}

/// The link of somebody whom the provider calls so.
#[tracing::instrument(level = "debug", name = "store.sso_user_mappings.find", skip_all)]
pub async fn find(tx: &mut Tx, connection: &Connection, external_id: &str) -> Result<Option<Link>, Error> {
    Ok(sqlx::query_as!(
        Link,
        r#"
        SELECT id, user_id AS "user", is_active FROM sso_user_mappings
        WHERE organization_id = $1 AND configuration_id = $2 AND external_id = $3
        "#,
        connection.org.uuid(),
        connection.id,
        external_id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The link of an account.
#[tracing::instrument(level = "debug", name = "store.sso_user_mappings.of_user", skip_all)]
pub async fn of_user(tx: &mut Tx, connection: &Connection, user: Uuid) -> Result<Option<Link>, Error> {
    Ok(sqlx::query_as!(
        Link,
        r#"
        SELECT id, user_id AS "user", is_active FROM sso_user_mappings
        WHERE organization_id = $1 AND configuration_id = $2 AND user_id = $3
        "#,
        connection.org.uuid(),
        connection.id,
        user
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Links an account on its first sign-in.
#[tracing::instrument(level = "debug", name = "store.sso_user_mappings.link", skip_all)]
pub async fn link(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    user: Uuid,
    external_id: &str,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO sso_user_mappings (organization_id, id, configuration_id, user_id, external_id, provisioned_by)
        VALUES ($1, $2, $3, $4, $5, 'jit')
        "#,
        connection.org.uuid(),
        id,
        connection.id,
        user,
        external_id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes a sign-in: what the provider calls the person, and their groups.
#[tracing::instrument(level = "debug", name = "store.sso_user_mappings.signed_in", skip_all)]
pub async fn signed_in(
    tx: &mut Tx,
    link: Uuid,
    external_id: &str,
    email: Option<&str>,
    groups: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE sso_user_mappings
        SET external_id = $2, email = coalesce($3::text::citext, email), groups = $4, last_login_at = $5
        WHERE id = $1
        "#,
        link,
        external_id,
        email,
        groups,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A membership.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Its id.
    pub id: Uuid,
    /// `active`, `suspended` or `removed`.
    pub status: String,
    /// The code of the built-in role.
    pub role: String,
}

/// The membership of an account, also one that is over.
#[tracing::instrument(level = "debug", name = "store.sso.membership", skip_all)]
pub async fn membership(tx: &mut Tx, scope: &OrgScope, user: Uuid) -> Result<Option<Membership>, Error> {
    Ok(sqlx::query_as!(
        Membership,
        r#"
        SELECT m.id, m.status, r.code AS role FROM organization_members m JOIN roles r ON r.id = m.role_id
        WHERE m.organization_id = $1 AND m.user_id = $2
        "#,
        scope.org().uuid(),
        user
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Makes an account a member, again if it was one. `source` is `sso` or `scim`. Returns the membership.
#[tracing::instrument(level = "debug", name = "store.sso.join", skip_all)]
pub async fn join(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    user: Uuid,
    role: Uuid,
    source: &str,
    now: DateTime<Utc>,
) -> Result<Uuid, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        INSERT INTO organization_members (organization_id, id, user_id, role_id, source, joined_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (organization_id, user_id) DO UPDATE
            SET role_id = excluded.role_id, status = 'active', source = excluded.source,
                joined_at = excluded.joined_at, removed_at = NULL
        RETURNING id
        "#,
        scope.org().uuid(),
        id,
        user,
        role,
        source,
        now,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Makes the grants of a member, among the team roles that groups give, equal to these. The others are left alone.
/// Returns how many changed.
#[tracing::instrument(level = "debug", name = "store.sso.set_grants", skip_all)]
pub async fn set_grants(
    tx: &mut Tx,
    scope: &OrgScope,
    member: Uuid,
    mapped: &[Uuid],
    wanted: &[Uuid],
) -> Result<u64, Error> {
    let gone = sqlx::query!(
        r#"
        DELETE FROM team_members
        WHERE organization_id = $1 AND member_id = $2 AND bot_id IS NULL AND team_role_id = ANY ($3)
          AND NOT team_role_id = ANY ($4)
        "#,
        scope.org().uuid(),
        member,
        mapped,
        wanted
    )
    .execute(&mut *tx.inner)
    .await?;
    let new = sqlx::query!(
        r#"
        INSERT INTO team_members (organization_id, member_id, team_role_id)
        SELECT $1, $2, r.id FROM team_roles r WHERE r.organization_id = $1 AND r.id = ANY ($3)
        ON CONFLICT DO NOTHING
        "#,
        scope.org().uuid(),
        member,
        wanted
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(gone.rows_affected() + new.rows_affected())
}

/// Ends the sessions that a person has in an organization. Returns how many.
#[tracing::instrument(level = "debug", name = "store.sso.end_sessions", skip_all)]
pub async fn end_sessions(
    tx: &mut Tx,
    connection: &Connection,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET revoked_at = $4, revoke_reason = 'sso_deprovision'
        WHERE user_id = $1 AND revoked_at IS NULL AND (active_organization_id = $2 OR sso_configuration_id = $3)
        "#,
        user,
        connection.org.uuid(),
        connection.id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// What an account is, as far as it matters to a provider's word about it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its address.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// `active`, `suspended` or `deactivated`.
    pub status: String,
}

/// An account that is not deleted.
#[tracing::instrument(level = "debug", name = "store.sso.account", skip_all)]
pub async fn account(tx: &mut Tx, user: Uuid) -> Result<Option<Account>, Error> {
    Ok(sqlx::query_as!(
        Account,
        r#"SELECT email::text AS "email!", name, status FROM users WHERE id = $1 AND deleted_at IS NULL"#,
        user
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// What a group gives, as the configuration says: `[{"group": …, "role": code | null, "team_role_id": id | null}]`.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRule {
    /// What the provider calls the group.
    pub group: String,
    /// A built-in role.
    #[serde(default)]
    pub role: Option<String>,
    /// A team role.
    #[serde(default)]
    pub team_role_id: Option<Uuid>,
}

/// The rules of a connection; those that cannot be read give nothing.
pub fn group_rules(mapping: &Value) -> Vec<GroupRule> {
    let rules = mapping.as_array().into_iter().flatten();
    rules.filter_map(|rule| serde_json::from_value(rule.clone()).ok()).collect()
}
