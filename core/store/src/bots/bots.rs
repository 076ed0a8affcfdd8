//! `bots`: one assistant.

mod table;

use botbuilder_domain::{BotId, Secret};
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{
    Error, OrgScope, Tx,
    integrations::integrations::MOST_ABANDONED,
    secret::{DataKeys, Place, Sealed},
};

/// Writes an active bot.
#[tracing::instrument(level = "debug", name = "store.bots.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: BotId,
    name: &str,
    slug: &str,
    fallback: &str,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO bots (organization_id, id, name, slug, status, published_at, fallback_message, reply_mode)
        VALUES ($1, $2, $3, $4, 'active', now(), $5, 'flow')
        "#,
        scope.org().uuid(),
        id.uuid(),
        name,
        slug,
        fallback
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The bot of that short name, if there is one.
#[tracing::instrument(level = "debug", name = "store.bots.find_by_slug", skip_all)]
pub async fn find_by_slug(tx: &mut Tx, scope: &OrgScope, slug: &str) -> Result<Option<BotId>, Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM bots WHERE organization_id = $1 AND slug = $2 AND deleted_at IS NULL",
        scope.org().uuid(),
        slug
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(id.map(BotId::from))
}

/// The secrets that sign what is sent to the bot's webhook, newest first.
#[tracing::instrument(level = "debug", name = "store.bots.webhook_secrets", skip_all)]
pub async fn webhook_secrets(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    id: Uuid,
) -> Result<Vec<Secret<String>>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT webhook_secret_ct, webhook_secret_kid FROM bots
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some((ciphertext, key)) = row.and_then(|row| row.webhook_secret_ct.zip(row.webhook_secret_kid))
    else {
        return Ok(Vec::new());
    };
    let place = Place { table: "bots", column: "webhook_secret", row: id };
    let opened = keys.open(place, &ciphertext, &key)?;
    let secrets: Vec<String> = serde_json::from_slice(opened.expose())
        .map_err(|error| Error::inconsistent("bots", "webhook_secret", id, error))?;
    Ok(secrets.into_iter().map(Secret::new).collect())
}

/// Replaces the sealed list of these secrets.
#[tracing::instrument(level = "debug", name = "store.bots.set_webhook_secret", skip_all)]
pub async fn set_webhook_secret(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    sealed: &Sealed,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE bots SET webhook_secret_ct = $3, webhook_secret_kid = $4
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id,
        sealed.ciphertext.as_slice(),
        sealed.key_id.as_str(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that the bot's webhook took a delivery.
#[tracing::instrument(level = "debug", name = "store.bots.webhook_took", skip_all)]
pub async fn webhook_took(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE bots SET webhook_failures = 0 WHERE organization_id = $1 AND id = $2 AND webhook_failures > 0",
        scope.org().uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a delivery to the bot's webhook was abandoned. The bot's name, if that switched the webhook off.
#[tracing::instrument(level = "debug", name = "store.bots.webhook_abandoned", skip_all)]
pub async fn webhook_abandoned(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<String>, Error> {
    let row = sqlx::query!(
        r#"
        UPDATE bots SET webhook_failures = webhook_failures + 1,
            webhook_disabled_at = CASE WHEN webhook_failures + 1 >= $3 THEN now() END
        WHERE organization_id = $1 AND id = $2 AND webhook_disabled_at IS NULL AND deleted_at IS NULL
        RETURNING name, (webhook_disabled_at IS NOT NULL) AS "off!"
        "#,
        scope.org().uuid(),
        id,
        MOST_ABANDONED,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.filter(|row| row.off).map(|row| row.name))
}

/// What a turn of a bot needs to know beside its flow.
#[derive(Debug, Clone)]
pub struct ForTurns {
    /// What the bot says when nothing else fits.
    pub fallback: Option<String>,
    /// The bot's language.
    pub language: String,
    /// Whether conversations may be handed to a person.
    pub handoff: bool,
    /// The bot's settings.
    pub settings: serde_json::Value,
    /// The organization's settings.
    pub organization: serde_json::Value,
}

/// What turns of this bot need to know beside its flow. None where there is no such bot.
#[tracing::instrument(level = "debug", name = "store.bots.for_turns", skip_all)]
pub async fn for_turns(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<ForTurns>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT b.fallback_message, b.language, b.handoff_enabled, b.settings, o.settings AS organization
        FROM bots b JOIN organizations o ON o.id = b.organization_id
        WHERE b.organization_id = $1 AND b.id = $2 AND b.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| ForTurns {
        fallback: row.fallback_message,
        language: row.language,
        handoff: row.handoff_enabled,
        settings: row.settings,
        organization: row.organization,
    }))
}
