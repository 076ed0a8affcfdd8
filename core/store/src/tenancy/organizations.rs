//! `organizations`: the tenant.

use botbuilder_domain::OrgId;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, RootKey},
};

/// Opens the organization's data keys.
#[tracing::instrument(level = "debug", name = "store.organizations.data_keys", skip_all)]
pub async fn data_keys(tx: &mut Tx, scope: &OrgScope, root: &RootKey) -> Result<DataKeys, Error> {
    let stored = sqlx::query_scalar!("SELECT data_keys FROM organizations WHERE id = $1", scope.org().uuid())
        .fetch_one(&mut *tx.inner)
        .await?;
    let Value::Object(stored) = stored else {
        return Err(Error::inconsistent("organizations", "data_keys", scope.org(), "not an object"));
    };
    Ok(root.open_data_keys(scope.org(), &stored)?)
}

/// An organization to be created, with its owner a member.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its short name in addresses.
    pub slug: String,
    /// The account that owns it.
    pub owner: Uuid,
}

/// Creates an organization and makes its owner a member. The transaction has entered its scope.
#[tracing::instrument(level = "debug", name = "store.organizations.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: &New, root: &RootKey) -> Result<(), Error> {
    let data_keys = root.new_data_keys(new.id)?;
    sqlx::query!(
        "INSERT INTO organizations (id, name, slug, owner_id, data_keys) VALUES ($1, $2, $3, $4, $5)",
        scope.org().uuid(),
        new.name,
        new.slug,
        new.owner,
        data_keys
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO organization_members (organization_id, user_id, role_id, source)
        SELECT $1, $2, id, 'owner' FROM roles WHERE code = 'owner'
        "#,
        scope.org().uuid(),
        new.owner
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
