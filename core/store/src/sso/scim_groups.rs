//! Groups as an identity provider keeps them with SCIM. A group is a team role that is flagged so; who is in it has the
//! role for the whole organization.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::connections::Connection;
use crate::{Error, Tx};

/// A group.
#[derive(Debug, Clone)]
pub struct ScimGroup {
    /// The team role.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What the provider calls it.
    pub external_id: Option<String>,
    /// Who is in it: `[{"value": id, "display": name}]`.
    pub members: Value,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
}

/// The groups of an organization, in the order they were made, or one of them.
#[tracing::instrument(level = "debug", name = "store.scim_groups.list", skip_all)]
pub async fn list(tx: &mut Tx, connection: &Connection, id: Option<Uuid>) -> Result<Vec<ScimGroup>, Error> {
    Ok(sqlx::query_as!(
        ScimGroup,
        r#"
        SELECT r.id, r.name, r.scim_external_id AS external_id, r.created_at, r.updated_at,
               coalesce((
                   SELECT jsonb_agg(jsonb_build_object('value', u.id, 'display', u.attributes ->> 'userName')
                                    ORDER BY u.id)
                   FROM team_members t
                   JOIN organization_members m ON m.organization_id = t.organization_id AND m.id = t.member_id
                   JOIN sso_user_mappings u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
                                           AND u.configuration_id = $2
                   WHERE t.organization_id = r.organization_id AND t.team_role_id = r.id AND t.bot_id IS NULL), '[]')
                   AS "members!"
        FROM team_roles r
        WHERE r.organization_id = $1 AND r.scim_managed AND ($3::uuid IS NULL OR r.id = $3)
        ORDER BY r.id
        "#,
        connection.org.uuid(),
        connection.id,
        id,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Makes a group. A name that is taken is a conflict with `uq_team_roles_2`.
#[tracing::instrument(level = "debug", name = "store.scim_groups.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    name: &str,
    external_id: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO team_roles (organization_id, id, name, scim_managed, scim_external_id)
        VALUES ($1, $2, $3, true, $4)
        "#,
        connection.org.uuid(),
        id,
        name,
        external_id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Writes a group anew.
#[tracing::instrument(level = "debug", name = "store.scim_groups.update", skip_all)]
pub async fn update(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    name: &str,
    external_id: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE team_roles SET name = $3, scim_external_id = $4
        WHERE organization_id = $1 AND id = $2 AND scim_managed
        "#,
        connection.org.uuid(),
        id,
        name,
        external_id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Makes those people, by their resources, the members of a group. Of people it does not know nothing comes. Returns
/// how many of them there are.
#[tracing::instrument(level = "debug", name = "store.scim_groups.set_members", skip_all)]
pub async fn set_members(
    tx: &mut Tx,
    connection: &Connection,
    group: Uuid,
    people: &[Uuid],
) -> Result<usize, Error> {
    let members = sqlx::query_scalar!(
        r#"
        SELECT m.id FROM sso_user_mappings u
        JOIN organization_members m ON m.organization_id = u.organization_id AND m.user_id = u.user_id
                                   AND m.status <> 'removed'
        WHERE u.organization_id = $1 AND u.configuration_id = $2 AND u.id = ANY ($3)
        "#,
        connection.org.uuid(),
        connection.id,
        people
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        DELETE FROM team_members
        WHERE organization_id = $1 AND team_role_id = $2 AND bot_id IS NULL AND NOT member_id = ANY ($3)
        "#,
        connection.org.uuid(),
        group,
        &members
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO team_members (organization_id, member_id, team_role_id)
        SELECT $1, member, $2 FROM unnest($3::uuid[]) AS member
        ON CONFLICT DO NOTHING
        "#,
        connection.org.uuid(),
        group,
        &members
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(members.len())
}

/// Deletes a group, with what it gave.
#[tracing::instrument(level = "debug", name = "store.scim_groups.delete", skip_all)]
pub async fn delete(tx: &mut Tx, connection: &Connection, id: Uuid) -> Result<bool, Error> {
    sqlx::query!(
        r#"
        DELETE FROM team_members t USING team_roles r
        WHERE t.organization_id = $1 AND t.team_role_id = $2 AND r.id = t.team_role_id AND r.scim_managed
        "#,
        connection.org.uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    let done = sqlx::query!(
        "DELETE FROM team_roles WHERE organization_id = $1 AND id = $2 AND scim_managed",
        connection.org.uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}
