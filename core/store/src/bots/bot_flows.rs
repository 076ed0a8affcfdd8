//! `bot_flows`: a conversation flow, its draft and its published version.

mod table;

use botbuilder_domain::{BotId, FlowId, VersionId};
use serde_json::Value;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// Writes the default flow of a bot, published as `version`.
#[tracing::instrument(level = "debug", name = "store.bot_flows.insert_published", skip_all)]
pub async fn insert_published(
    tx: &mut Tx,
    scope: &OrgScope,
    id: FlowId,
    bot: BotId,
    name: &str,
    definition: &Value,
    version: VersionId,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO bot_flows (organization_id, id, bot_id, name, status, is_default, draft_definition,
                               published_version_id, published_version, published_at)
        VALUES ($1, $2, $3, $4, 'published', true, $5, $6, 1, now())
        "#,
        scope.org().uuid(),
        id.uuid(),
        bot.uuid(),
        name,
        definition,
        version.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The published version that a new conversation starts with: of the flow that the bot's active orchestration begins
/// with, else of its default flow. None where the bot is not active or has no such flow.
#[tracing::instrument(level = "debug", name = "store.bot_flows.current_version", skip_all)]
pub async fn current_version(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<VersionId>, Error> {
    let version = sqlx::query_scalar!(
        r#"
        SELECT f.published_version_id FROM bot_flows f
        JOIN bots b ON b.organization_id = f.organization_id AND b.id = f.bot_id
        LEFT JOIN flow_orchestrations o ON o.organization_id = f.organization_id AND o.bot_id = f.bot_id
             AND o.status = 'active' AND o.deleted_at IS NULL
        WHERE f.organization_id = $1 AND f.bot_id = $2 AND f.status = 'published'
          AND CASE WHEN o.id IS NULL THEN f.is_default ELSE f.id = o.entry_flow_id END
          AND f.deleted_at IS NULL AND b.status = 'active' AND b.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(version.flatten().map(VersionId::from))
}

/// The flow that conversations begin with where the bot has no orchestration.
#[tracing::instrument(level = "debug", name = "store.bot_flows.default", skip_all)]
pub async fn default(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<FlowId>, Error> {
    let id = sqlx::query_scalar!(
        r#"
        SELECT id FROM bot_flows
        WHERE organization_id = $1 AND bot_id = $2 AND is_default AND status = 'published' AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(id.map(FlowId::from))
}

/// Takes the mark of the default flow away from every other flow of the bot.
#[tracing::instrument(level = "debug", name = "store.bot_flows.clear_default", skip_all)]
pub async fn clear_default(tx: &mut Tx, scope: &OrgScope, bot: BotId, except: FlowId) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE bot_flows SET is_default = false
        WHERE organization_id = $1 AND bot_id = $2 AND id <> $3 AND is_default AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
        except.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The published version of one of the bot's flows, with its definition: what a call of that flow runs. None where the
/// flow is not published.
#[tracing::instrument(level = "debug", name = "store.bot_flows.published", skip_all)]
pub async fn published(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    flow: FlowId,
) -> Result<Option<(VersionId, Value)>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT e.id, e.data FROM bot_flows f
        JOIN entity_versions e ON e.organization_id = f.organization_id AND e.id = f.published_version_id
        WHERE f.organization_id = $1 AND f.bot_id = $2 AND f.id = $3 AND f.status = 'published'
          AND f.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
        flow.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| (row.id.into(), row.data)))
}
