//! `team_roles`: sets of permissions that an organization makes for itself.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{rights::Permissions, standing};
use crate::{Error, OrgScope, Tx, page::Page, patch::Patch};

/// A set of permissions with a name.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TeamRole {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: Vec<String>,
    /// Whether it is offered first.
    pub is_default: bool,
    /// Whether a directory keeps its members.
    pub scim_managed: bool,
    /// Who made it.
    pub created_by: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
}

impl TeamRole {
    /// What it allows.
    pub fn permissions(&self) -> Permissions {
        standing::stored_permissions(&self.permissions)
    }
}

/// One to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: Vec<String>,
    /// Whether it is offered first.
    pub is_default: bool,
    /// Who makes it.
    pub created_by: Option<Uuid>,
}

/// Makes one. A name that is taken is a conflict.
#[tracing::instrument(level = "debug", name = "store.team_roles.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: &New) -> Result<(), Error> {
    if new.is_default {
        no_default(tx, scope).await?;
    }
    sqlx::query!(
        r#"
        INSERT INTO team_roles (organization_id, id, name, description, permissions, is_default, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        "#,
        scope.org().uuid(),
        new.id,
        new.name,
        new.description,
        &new.permissions,
        new.is_default,
        new.created_by,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// There is one default at most: the one before is none any more.
async fn no_default(tx: &mut Tx, scope: &OrgScope) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE team_roles SET is_default = false WHERE organization_id = $1 AND is_default",
        scope.org().uuid()
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Those of an organization, newest first.
#[tracing::instrument(level = "debug", name = "store.team_roles.list", skip_all)]
pub async fn list(tx: &mut Tx, scope: &OrgScope, page: &Page) -> Result<Vec<TeamRole>, Error> {
    Ok(sqlx::query_as!(
        TeamRole,
        r#"
        SELECT id, name, description, permissions, is_default, scim_managed, created_by, created_at, updated_at
        FROM team_roles WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        "#,
        scope.org().uuid(),
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One of them.
#[tracing::instrument(level = "debug", name = "store.team_roles.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<TeamRole>, Error> {
    Ok(sqlx::query_as!(
        TeamRole,
        r#"
        SELECT id, name, description, permissions, is_default, scim_managed, created_by, created_at, updated_at
        FROM team_roles WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A change: what is none stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What it is called.
    pub name: Option<String>,
    /// What it is for.
    pub description: Patch<String>,
    /// What it allows.
    pub permissions: Option<Vec<String>>,
    /// Whether it is offered first.
    pub is_default: Option<bool>,
}

/// Changes one. False where there is none.
#[tracing::instrument(level = "debug", name = "store.team_roles.update", skip_all)]
pub async fn update(tx: &mut Tx, scope: &OrgScope, id: Uuid, change: Change) -> Result<bool, Error> {
    let Change { name, description, permissions, is_default } = change;
    if is_default == Some(true) {
        no_default(tx, scope).await?;
    }
    let done = sqlx::query!(
        r#"
        UPDATE team_roles
        SET name = coalesce($3, name), description = CASE WHEN $4 THEN $5 ELSE description END,
            permissions = coalesce($6, permissions), is_default = coalesce($7, is_default)
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id,
        name,
        description.is_change(),
        description.into_value(),
        permissions.as_deref(),
        is_default,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes one. While it is granted to somebody it stays: a conflict.
#[tracing::instrument(level = "debug", name = "store.team_roles.delete", skip_all)]
pub async fn delete(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<bool, Error> {
    let done =
        sqlx::query!("DELETE FROM team_roles WHERE organization_id = $1 AND id = $2", scope.org().uuid(), id)
            .execute(&mut *tx.inner)
            .await?;
    Ok(done.rows_affected() == 1)
}
