//! `integrations`: a configured external service: model provider, speech, carrier, CRM, shop, outgoing webhook.

use botbuilder_domain::Secret;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    integrations::webhook_logs::Target,
    secret::{DataKeys, Place},
    table::{Column, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "integrations",
    columns: &[
        Column::uuid("id"),
        Column::choice(
            "category",
            &[
                "model",
                "embedding",
                "speech",
                "telephony",
                "crm",
                "ecommerce",
                "helpdesk",
                "calendar",
                "storage",
                "email",
                "payment",
                "webhook",
                "automation",
            ],
        )
        .once()
        .required(),
        Column::text("provider", 64).once().required(),
        Column::text("name", 120).taken().required(),
        Column::uuid("bot_id").nullable().taken(),
        Column::object("config").taken(),
        Column::texts("scopes").taken(),
        Column::texts("event_filter").taken(),
        Column::choice("status", &["pending", "connected", "degraded", "expired", "revoked", "error"]),
        Column::text("external_account_id", 128).nullable(),
        Column::instant("token_expires_at").nullable(),
        Column::instant("last_ok_at").nullable(),
        Column::integer("failure_count", 0, 2_147_483_647),
        Column::instant("disabled_at").nullable(),
        Column::text("last_error", 2000).nullable(),
        Column::instant("last_tested_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "credentials_ct", "credentials_kid", "deleted_at"],
    rules: &[
        Rule::new("ck_integrations_10", "config", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_integrations_11",
            "category",
            "must keep to: (category <> 'webhook') OR (credentials_ct IS NOT NULL)",
        ),
        Rule::new("uq_integrations_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// So many deliveries abandoned one after the other switch a webhook off.
pub const MOST_ABANDONED: i32 = 50;

/// An address that wants to hear of events.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it is configured.
    pub target: Target,
    /// Only events of this bot, if one is named.
    pub bot: Option<Uuid>,
    /// The address.
    pub url: String,
    /// The types it wants, `message.*` for all that begin so; empty for every type.
    pub events: Vec<String>,
}

/// The addresses that want to hear of events: webhooks of the organization and of its bots.
#[tracing::instrument(level = "debug", name = "store.integrations.endpoints", skip_all)]
pub async fn endpoints(tx: &mut Tx, scope: &OrgScope) -> Result<Vec<Endpoint>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id!", bot_id, config ->> 'url' AS "url!", event_filter AS "events!", false AS "of_bot!"
        FROM integrations
        WHERE organization_id = $1 AND category = 'webhook' AND deleted_at IS NULL AND disabled_at IS NULL
          AND config ->> 'url' IS NOT NULL
        UNION ALL
        SELECT id, id, webhook_url, webhook_events, true FROM bots
        WHERE organization_id = $1 AND webhook_url IS NOT NULL AND webhook_disabled_at IS NULL AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Endpoint {
            target: if row.of_bot { Target::Bot(row.id) } else { Target::Integration(row.id) },
            bot: row.bot_id,
            url: row.url,
            events: row.events,
        })
        .collect())
}

/// The secrets that sign what is sent to a webhook, newest first.
#[tracing::instrument(level = "debug", name = "store.integrations.webhook_secrets", skip_all)]
pub async fn webhook_secrets(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    id: Uuid,
) -> Result<Vec<Secret<String>>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT credentials_ct, credentials_kid FROM integrations
        WHERE organization_id = $1 AND id = $2 AND category = 'webhook' AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some((ciphertext, key)) = row.and_then(|row| row.credentials_ct.zip(row.credentials_kid)) else {
        return Ok(Vec::new());
    };
    let place = Place { table: "integrations", column: "credentials", row: id };
    let opened = keys.open(place, &ciphertext, &key)?;
    let secrets: Vec<String> = serde_json::from_slice(opened.expose())
        .map_err(|error| Error::inconsistent("integrations", "credentials", id, error))?;
    Ok(secrets.into_iter().map(Secret::new).collect())
}

/// Notes that a webhook took a delivery.
#[tracing::instrument(level = "debug", name = "store.integrations.took", skip_all)]
pub async fn took(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<(), Error> {
    // Once a minute is enough while all is well: every change is a new version of the row.
    sqlx::query!(
        r#"
        UPDATE integrations SET last_ok_at = now(), failure_count = 0, last_error = NULL,
            status = CASE WHEN status IN ('pending', 'degraded') THEN 'connected' ELSE status END
        WHERE organization_id = $1 AND id = $2
          AND (failure_count > 0 OR status <> 'connected' OR last_ok_at IS NULL OR last_ok_at < now() - interval '1 minute')
        "#,
        scope.org().uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a delivery to a webhook was abandoned. The webhook's name, if that switched it off.
#[tracing::instrument(level = "debug", name = "store.integrations.abandoned", skip_all)]
pub async fn abandoned(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    error: &str,
) -> Result<Option<String>, Error> {
    let row = sqlx::query!(
        r#"
        UPDATE integrations SET failure_count = failure_count + 1, last_error = left($3, 2000),
            status = CASE WHEN failure_count + 1 >= $4 THEN 'error' ELSE 'degraded' END,
            disabled_at = CASE WHEN failure_count + 1 >= $4 THEN now() ELSE disabled_at END
        WHERE organization_id = $1 AND id = $2 AND disabled_at IS NULL
        RETURNING name, (disabled_at IS NOT NULL) AS "off!"
        "#,
        scope.org().uuid(),
        id,
        error,
        MOST_ABANDONED,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.filter(|row| row.off).map(|row| row.name))
}
