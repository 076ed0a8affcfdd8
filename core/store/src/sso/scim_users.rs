//! People as an identity provider keeps them with SCIM. A resource is a row of `sso_user_mappings`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::connections::Connection;
use crate::{Error, Tx};

/// A person as the provider sees them.
#[derive(Debug, Clone)]
pub struct ScimUser {
    /// The resource.
    pub id: Uuid,
    /// The account.
    pub user: Uuid,
    /// The membership, while there is one.
    pub member: Option<Uuid>,
    /// What the provider calls them.
    pub external_id: Option<String>,
    /// What the provider keeps of them: an object.
    pub attributes: Value,
    /// Whether the provider vouches for them.
    pub is_active: bool,
    /// Their groups: `[{"value": id, "display": name}]`.
    pub groups: Value,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
}

/// Which people.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    /// This one.
    pub id: Option<Uuid>,
    /// Whoever has this user name, whatever its case.
    pub user_name: Option<&'a str>,
    /// Whom the provider calls so.
    pub external_id: Option<&'a str>,
}

/// Lets no other change of this connection's people and groups through until the end of the transaction: user names
/// and the members of groups are compared with what is there.
#[tracing::instrument(level = "debug", name = "store.scim.hold", skip_all)]
pub async fn hold(tx: &mut Tx, connection: &Connection) -> Result<(), Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('scim ' || $1::text, 0))",
        connection.org.to_string()
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The people of a connection, in the order they were made.
#[tracing::instrument(level = "debug", name = "store.scim_users.list", skip_all)]
pub async fn list(tx: &mut Tx, connection: &Connection, which: Which<'_>) -> Result<Vec<ScimUser>, Error> {
    Ok(sqlx::query_as!(
        ScimUser,
        r#"
        SELECT u.id, u.user_id AS "user", m.id AS "member?", u.scim_external_id AS external_id, u.attributes,
               u.is_active, u.created_at, u.updated_at,
               coalesce((
                   SELECT jsonb_agg(jsonb_build_object('value', r.id, 'display', r.name) ORDER BY r.id)
                   FROM team_members t JOIN team_roles r ON r.id = t.team_role_id AND r.scim_managed
                   WHERE t.organization_id = u.organization_id AND t.member_id = m.id AND t.bot_id IS NULL), '[]')
                   AS "groups!"
        FROM sso_user_mappings u
        LEFT JOIN organization_members m
               ON m.organization_id = u.organization_id AND m.user_id = u.user_id AND m.status <> 'removed'
        WHERE u.organization_id = $1 AND u.configuration_id = $2 AND u.attributes ? 'userName'
          AND ($3::uuid IS NULL OR u.id = $3)
          AND ($4::text IS NULL OR lower(u.attributes ->> 'userName') = lower($4))
          AND ($5::text IS NULL OR u.scim_external_id = $5)
        ORDER BY u.id
        "#,
        connection.org.uuid(),
        connection.id,
        which.id,
        which.user_name,
        which.external_id,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One person.
#[tracing::instrument(level = "debug", name = "store.scim_users.get", skip_all)]
pub async fn get(tx: &mut Tx, connection: &Connection, id: Uuid) -> Result<Option<ScimUser>, Error> {
    Ok(list(tx, connection, Which { id: Some(id), ..Which::default() }).await?.pop())
}

/// What is written of a person.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// What the provider calls them.
    pub external_id: Option<&'a str>,
    /// Their address.
    pub email: Option<&'a str>,
    /// What the provider keeps of them: an object.
    pub attributes: &'a Value,
    /// Whether the provider vouches for them.
    pub is_active: bool,
}

/// Makes a person, or takes over a link that signing in made. Returns the resource.
#[tracing::instrument(level = "debug", name = "store.scim_users.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    user: Uuid,
    subject: &str,
    written: &Written<'_>,
) -> Result<Uuid, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        INSERT INTO sso_user_mappings
            (organization_id, id, configuration_id, user_id, external_id, scim_external_id, email, attributes,
             is_active, provisioned_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7::text::citext, $8, $9, 'scim')
        ON CONFLICT (configuration_id, user_id) DO UPDATE
            SET scim_external_id = excluded.scim_external_id, email = excluded.email,
                attributes = excluded.attributes, is_active = excluded.is_active, provisioned_by = 'scim',
                etag = sso_user_mappings.etag + 1
        RETURNING id
        "#,
        connection.org.uuid(),
        id,
        connection.id,
        user,
        subject,
        written.external_id,
        written.email,
        written.attributes,
        written.is_active,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Writes a person anew.
#[tracing::instrument(level = "debug", name = "store.scim_users.update", skip_all)]
pub async fn update(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    written: &Written<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE sso_user_mappings
        SET scim_external_id = $4, email = $5::text::citext, attributes = $6, is_active = $7, etag = etag + 1,
            deprovisioned_at = CASE WHEN $7 THEN NULL ELSE coalesce(deprovisioned_at, $8) END
        WHERE organization_id = $1 AND configuration_id = $2 AND id = $3
        "#,
        connection.org.uuid(),
        connection.id,
        id,
        written.external_id,
        written.email,
        written.attributes,
        written.is_active,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Forgets a person. The account stays.
#[tracing::instrument(level = "debug", name = "store.scim_users.delete", skip_all)]
pub async fn delete(tx: &mut Tx, connection: &Connection, id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        "DELETE FROM sso_user_mappings WHERE organization_id = $1 AND configuration_id = $2 AND id = $3",
        connection.org.uuid(),
        connection.id,
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}
