//! `channel_templates`: provider-approved message template (WhatsApp and similar).

mod table;

use botbuilder_domain::{
    ChannelId, MessageId, OrgId, TemplateCategory, TemplateChange, TemplateQuality, TemplateStatus,
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// A template with its id.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The id.
    pub id: Uuid,
    /// Its language, in which it is unique among those of its name.
    pub language: String,
    /// The row, a JSON object.
    pub row: Value,
}

/// The translations of a template.
#[tracing::instrument(level = "debug", name = "store.channel_templates.named", skip_all)]
pub async fn named(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    name: &str,
) -> Result<Vec<Stored>, Error> {
    Ok(sqlx::query_as!(
        Stored,
        r#"
        SELECT t.id, t.language, to_jsonb(t) AS "row!" FROM channel_templates t
        WHERE t.organization_id = $1 AND t.channel_id = $2 AND t.name = $3 AND t.deleted_at IS NULL
        ORDER BY t.created_at, t.id
        "#,
        scope.org().uuid(),
        channel.uuid(),
        name,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Notes that a message goes out as this template. A message that is tried again counts once.
#[tracing::instrument(level = "debug", name = "store.channel_templates.used", skip_all)]
pub async fn used(tx: &mut Tx, scope: &OrgScope, id: Uuid, message: MessageId) -> Result<(), Error> {
    sqlx::query!(
        r#"
        WITH marked AS (
            UPDATE channel_messages SET template_id = $2
            WHERE organization_id = $1 AND id = $3 AND created_at = $4 AND template_id IS DISTINCT FROM $2
            RETURNING id
        )
        UPDATE channel_templates SET use_count = use_count + 1
        WHERE organization_id = $1 AND id = $2 AND EXISTS (SELECT FROM marked)
        "#,
        scope.org().uuid(),
        id,
        message.uuid(),
        message.created_at(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Writes what a provider says of a template: of this channel by its name and language, of every channel of the
/// organization by the provider's id. A draft stays one, and what an operator disabled stays so. The answer is how many
/// rows changed.
#[tracing::instrument(level = "debug", name = "store.channel_templates.change", skip_all)]
pub async fn change(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    change: &TemplateChange,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE channel_templates SET
            status = CASE WHEN status = 'draft' OR disabled_at IS NOT NULL THEN status ELSE coalesce($6, status) END,
            quality = coalesce($7, quality), category = coalesce($8, category),
            rejection_reason = CASE WHEN $6 = 'approved' THEN NULL WHEN $6 IS NULL THEN rejection_reason
                                    ELSE left($9, 1000) END,
            reviewed_at = CASE WHEN $6 IN ('approved', 'rejected') THEN $10 ELSE reviewed_at END,
            provider_template_id = coalesce(provider_template_id, left($5, 128)), last_synced_at = $10
        WHERE organization_id = $1 AND deleted_at IS NULL
          AND (provider_template_id = $5
               OR (channel_id = $2 AND name = $3 AND (language = $4 OR $4 = '') AND status <> 'draft'
                   AND coalesce(provider_template_id, $5) IS NOT DISTINCT FROM $5))
        "#,
        scope.org().uuid(),
        channel.uuid(),
        change.name,
        change.language,
        change.provider_id,
        change.status.map(TemplateStatus::as_str),
        change.quality.map(TemplateQuality::as_str),
        change.category.map(TemplateCategory::as_str),
        change.reason,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// What came of reading a provider's templates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Synced {
    /// Templates that were not known here.
    pub added: u64,
    /// Templates that were, as the provider has them now.
    pub updated: u64,
    /// Templates that the provider does not have any more; they are not sent.
    pub gone: u64,
}

/// Makes a channel's templates those of its provider: `given` is an array of objects with the columns' names. Where
/// `whole` says that it is all of them, those that are missing are not sent any more. What was changed here and not
/// submitted yet stays as it is (a draft of the provider's very words was submitted, and the answer was lost); what an
/// operator disabled stays so, unless it is asked for alone.
#[tracing::instrument(level = "debug", name = "store.channel_templates.sync", skip_all)]
pub async fn sync(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    given: &Value,
    whole: bool,
    now: DateTime<Utc>,
) -> Result<Synced, Error> {
    let (org, channel) = (scope.org().uuid(), channel.uuid());
    let updated = sqlx::query!(
        r#"
        UPDATE channel_templates t SET
            provider_template_id = left(g.provider_template_id, 128), category = g.category, header = g.header,
            body = left(g.body, 1024), footer = left(g.footer, 60), buttons = g.buttons, variables = g.variables,
            reviewed_at = CASE WHEN t.status <> g.status AND g.status IN ('approved', 'rejected') THEN $4
                               ELSE t.reviewed_at END,
            status = CASE WHEN $5 AND t.disabled_at IS NOT NULL THEN t.status ELSE g.status END,
            disabled_at = CASE WHEN $5 THEN t.disabled_at END,
            quality = g.quality, rejection_reason = left(g.rejection_reason, 1000), last_synced_at = $4
        FROM jsonb_to_recordset($3) AS g(provider_template_id text, name text, language text, category text,
            header jsonb, body text, footer text, buttons jsonb, variables jsonb, status text, quality text,
            rejection_reason text)
        WHERE t.organization_id = $1 AND t.channel_id = $2 AND t.deleted_at IS NULL AND t.name = g.name
          AND t.language = g.language
          AND (t.status <> 'draft' OR (t.provider_template_id IS NULL AND t.body = left(g.body, 1024)))
        "#,
        org,
        channel,
        given,
        now,
        whole,
    )
    .execute(&mut *tx.inner)
    .await?;
    let added = sqlx::query!(
        r#"
        INSERT INTO channel_templates
            (organization_id, channel_id, name, language, category, header, body, footer, buttons, variables, status,
             quality, provider_template_id, rejection_reason, last_synced_at)
        SELECT $1, $2, g.name, g.language, g.category, g.header, left(g.body, 1024), left(g.footer, 60), g.buttons,
               g.variables, g.status, g.quality, left(g.provider_template_id, 128), left(g.rejection_reason, 1000), $4
        FROM jsonb_to_recordset($3) AS g(provider_template_id text, name text, language text, category text,
            header jsonb, body text, footer text, buttons jsonb, variables jsonb, status text, quality text,
            rejection_reason text)
        ON CONFLICT DO NOTHING
        "#,
        org,
        channel,
        given,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    let gone = sqlx::query!(
        r#"
        UPDATE channel_templates t SET status = 'disabled', rejection_reason = 'the provider does not have it any more',
               last_synced_at = $4
        WHERE $5 AND t.organization_id = $1 AND t.channel_id = $2 AND t.deleted_at IS NULL
          AND t.provider_template_id IS NOT NULL AND t.status NOT IN ('disabled', 'draft')
          AND NOT EXISTS (SELECT FROM jsonb_to_recordset($3) AS g(provider_template_id text)
                          WHERE g.provider_template_id = t.provider_template_id)
        "#,
        org,
        channel,
        given,
        now,
        whole,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(Synced { added: added.rows_affected(), updated: updated.rows_affected(), gone: gone.rows_affected() })
}

/// The connected channels of every organization whose templates can be read. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.channel_templates.channels", skip_all)]
pub async fn channels(
    tx: &mut Tx,
    after: Option<ChannelId>,
    most: i64,
) -> Result<Vec<(OrgId, ChannelId)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id FROM channels
        WHERE type = 'whatsapp' AND status = 'active' AND deleted_at IS NULL AND settings ? 'waba_id'
          AND ($1::uuid IS NULL OR id > $1)
        ORDER BY id LIMIT $2
        "#,
        after.map(ChannelId::uuid),
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.id.into())).collect())
}
