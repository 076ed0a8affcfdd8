//! `roles`: the four built-in roles of members, the same for every organization.

use uuid::Uuid;

use super::{rights::Permissions, standing};
use crate::{Error, Tx};

/// A built-in role.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// `owner`, `admin`, `member` or `viewer`.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// More is more.
    pub rank: i32,
    /// What it allows.
    pub permissions: Vec<String>,
}

impl Role {
    /// What it allows.
    pub fn permissions(&self) -> Permissions {
        standing::stored_permissions(&self.permissions)
    }
}

/// Every role, the highest first.
#[tracing::instrument(level = "debug", name = "store.roles.list", skip_all)]
pub async fn list(tx: &mut Tx) -> Result<Vec<Role>, Error> {
    Ok(sqlx::query_as!(
        Role,
        "SELECT id, code, name, description, rank, permissions FROM roles ORDER BY rank DESC"
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One role.
#[tracing::instrument(level = "debug", name = "store.roles.get", skip_all)]
pub async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Role>, Error> {
    Ok(sqlx::query_as!(
        Role,
        "SELECT id, code, name, description, rank, permissions FROM roles WHERE id = $1",
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The role of that code.
#[tracing::instrument(level = "debug", name = "store.roles.by_code", skip_all)]
pub async fn by_code(tx: &mut Tx, code: &str) -> Result<Option<Role>, Error> {
    Ok(sqlx::query_as!(
        Role,
        "SELECT id, code, name, description, rank, permissions FROM roles WHERE code = $1",
        code
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
