//! `entity_versions`: immutable numbered snapshots; the only source the runtime executes.

mod table;

use botbuilder_domain::{BotId, VersionId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx, page::Page};

/// Writes the next version of a flow.
#[tracing::instrument(level = "debug", name = "store.entity_versions.insert_flow", skip_all)]
pub async fn insert_flow(
    tx: &mut Tx,
    scope: &OrgScope,
    id: VersionId,
    flow: Uuid,
    definition: &Value,
) -> Result<(), Error> {
    let hash: [u8; 32] = Sha256::digest(definition.to_string().as_bytes()).into();
    sqlx::query!(
        r#"
        INSERT INTO entity_versions (organization_id, id, entity_type, entity_id, version, data, data_hash)
        -- The number is taken by the table's trigger.
        VALUES ($1, $2, 'bot_flow', $3, 1, $4, $5)
        "#,
        scope.org().uuid(),
        id.uuid(),
        flow,
        definition,
        hash.as_slice(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A published flow with what the bot says around it.
#[derive(Debug, Clone)]
pub struct Published {
    /// The version.
    pub version: VersionId,
    /// The flow it is a version of.
    pub flow: Uuid,
    /// The flow's definition.
    pub definition: Value,
    /// What the bot says when nothing else fits.
    pub fallback: Option<String>,
}

/// One version of a bot's flow. Versions never change, so what this returns may be kept.
#[tracing::instrument(level = "debug", name = "store.entity_versions.get_flow", skip_all)]
pub async fn get_flow(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    version: VersionId,
) -> Result<Option<Published>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT e.data, e.entity_id, b.fallback_message FROM entity_versions e
        JOIN bots b ON b.organization_id = e.organization_id AND b.id = $3
        WHERE e.organization_id = $1 AND e.id = $2 AND e.entity_type = 'bot_flow'
        "#,
        scope.org().uuid(),
        version.uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Published {
        version,
        flow: row.entity_id,
        definition: row.data,
        fallback: row.fallback_message,
    }))
}

/// A version as it is listed, without what it holds.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub version: i32,
    /// What its author said of it.
    pub message: Option<String>,
    /// Its author.
    pub created_by: Option<Uuid>,
    /// When it was made.
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// The versions of a thing, oldest first.
#[tracing::instrument(level = "debug", name = "store.entity_versions.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    entity_type: &str,
    entity: Uuid,
    page: Page,
) -> Result<Vec<Listed>, Error> {
    Ok(sqlx::query_as!(
        Listed,
        r#"
        SELECT id, version, message, created_by, created_at FROM entity_versions
        WHERE organization_id = $1 AND entity_type = $2 AND entity_id = $3 AND ($4::uuid IS NULL OR id > $4)
        ORDER BY id LIMIT $5
        "#,
        scope.org().uuid(),
        entity_type,
        entity,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// What a version of a thing holds, by its number.
#[tracing::instrument(level = "debug", name = "store.entity_versions.data", skip_all)]
pub async fn data(
    tx: &mut Tx,
    scope: &OrgScope,
    entity_type: &str,
    entity: Uuid,
    version: i32,
) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT data FROM entity_versions
        WHERE organization_id = $1 AND entity_type = $2 AND entity_id = $3 AND version = $4
        "#,
        scope.org().uuid(),
        entity_type,
        entity,
        version,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A version with what it holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub version: i32,
    /// What it holds.
    pub data: Value,
}

/// A version of a thing by its number, or the newest that lies on no branch where no number is given.
#[tracing::instrument(level = "debug", name = "store.entity_versions.held", skip_all)]
pub async fn held(
    tx: &mut Tx,
    scope: &OrgScope,
    entity_type: &str,
    entity: Uuid,
    version: Option<i32>,
) -> Result<Option<Held>, Error> {
    Ok(sqlx::query_as!(
        Held,
        r#"
        SELECT id, version, data FROM entity_versions
        WHERE organization_id = $1 AND entity_type = $2 AND entity_id = $3
          AND CASE WHEN $4::integer IS NULL THEN branch_id IS NULL ELSE version = $4 END
        ORDER BY version DESC LIMIT 1
        "#,
        scope.org().uuid(),
        entity_type,
        entity,
        version,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A version of a thing by its id.
#[tracing::instrument(level = "debug", name = "store.entity_versions.held_by_id", skip_all)]
pub async fn held_by_id(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Held>, Error> {
    Ok(sqlx::query_as!(
        Held,
        "SELECT id, version, data FROM entity_versions WHERE organization_id = $1 AND id = $2",
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The flows of these versions: the version, the flow it is one of, and what it holds.
#[tracing::instrument(level = "debug", name = "store.entity_versions.flows", skip_all)]
pub async fn flows(
    tx: &mut Tx,
    scope: &OrgScope,
    versions: &[Uuid],
) -> Result<Vec<(Uuid, Uuid, Value)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id, entity_id, data FROM entity_versions
        WHERE organization_id = $1 AND id = ANY($2) AND entity_type = 'bot_flow'
        "#,
        scope.org().uuid(),
        versions,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.entity_id, row.data)).collect())
}
