//! `channels`: a connected account on a messaging network, with sealed credentials.

mod table;

use botbuilder_domain::{BotId, ChannelId, ChannelKind, OrgId, Secret, Standing};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

pub use self::table::TABLE;
use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, Place, RootKey},
    tenancy::organizations,
};

/// A channel with its secrets opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The tenant.
    pub org: OrgId,
    /// Its id.
    pub id: ChannelId,
    /// The bot that answers.
    pub bot: Option<BotId>,
    /// Its network.
    pub kind: ChannelKind,
    /// The last segment of its callback address.
    pub public_id: String,
    /// Whether it is connected, and messages go out by it.
    pub active: bool,
    /// Whether it is connected, but nothing goes out by it for now: an operator paused it, or something is wrong with it
    /// that an operator has to look at.
    pub waits: bool,
    /// The most messages in a second, where operators set it.
    pub rate_per_second: Option<f64>,
    /// The provider's id of the account.
    pub provider_account_id: Option<String>,
    /// What is not secret.
    pub settings: Map<String, Value>,
    /// Access tokens and the like: a JSON object.
    pub credentials: Map<String, Value>,
    /// The secrets that sign webhooks, newest first.
    pub webhook_secrets: Vec<Secret<String>>,
}

/// Where a channel is, known before its tenant is.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The tenant.
    pub org: OrgId,
    /// The channel.
    pub id: ChannelId,
}

/// Finds a channel by the last segment of its callback address. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.channels.lookup", skip_all)]
pub async fn lookup(tx: &mut Tx, public_id: &str) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"SELECT organization_id AS "org!", channel_id AS "id!" FROM app.lookup_channel($1)"#,
        public_id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Found { org: row.org.into(), id: row.id.into() }))
}

/// Finds the channels that a provider's callback is for, by the id that it names: that of one account, or that of the
/// account above several. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.channels.lookup_accounts", skip_all)]
pub async fn lookup_accounts(
    tx: &mut Tx,
    kind: ChannelKind,
    provider_account_id: &str,
) -> Result<Vec<Found>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id AS "org!", channel_id AS "id!" FROM app.lookup_channel_account($1, $2)
        "#,
        kind.as_str(),
        provider_account_id
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| Found { org: row.org.into(), id: row.id.into() }).collect())
}

/// Whether another channel than this has a provider's account. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.channels.is_elsewhere", skip_all)]
pub async fn is_elsewhere(
    tx: &mut Tx,
    kind: ChannelKind,
    provider_account_id: &str,
    than: ChannelId,
) -> Result<bool, Error> {
    Ok(lookup_accounts(tx, kind, provider_account_id).await?.iter().any(|found| found.id != than))
}

pub(super) fn credentials_place(id: ChannelId) -> Place {
    Place { table: "channels", column: "credentials", row: id.uuid() }
}

fn webhook_secret_place(id: ChannelId) -> Place {
    Place { table: "channels", column: "webhook_secret", row: id.uuid() }
}

/// One channel, with its secrets opened. None where there is no such channel or its network is not one of ours.
#[tracing::instrument(level = "debug", name = "store.channels.open", skip_all)]
pub async fn open(
    tx: &mut Tx,
    scope: &OrgScope,
    root: &RootKey,
    id: ChannelId,
) -> Result<Option<Opened>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT bot_id, type AS kind, public_id, status, provider_account_id, settings,
               rate_per_second::float8 AS rate_per_second, credentials_ct, credentials_kid, webhook_secret_ct, webhook_secret_kid
        FROM channels WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(kind) = ChannelKind::parse(&row.kind) else { return Ok(None) };

    let mut credentials = Map::new();
    let mut webhook_secrets = Vec::new();
    if row.credentials_ct.is_some() || row.webhook_secret_ct.is_some() {
        let keys = organizations::data_keys(tx, scope, root).await?;
        if let (Some(ciphertext), Some(key_id)) = (&row.credentials_ct, &row.credentials_kid) {
            let opened = keys.open(credentials_place(id), ciphertext, key_id)?;
            credentials = serde_json::from_slice(opened.expose())
                .map_err(|error| Error::inconsistent("channels", "credentials", id, error))?;
        }
        if let (Some(ciphertext), Some(key_id)) = (&row.webhook_secret_ct, &row.webhook_secret_kid) {
            let opened = keys.open(webhook_secret_place(id), ciphertext, key_id)?;
            let secrets: Vec<String> = serde_json::from_slice(opened.expose())
                .map_err(|error| Error::inconsistent("channels", "webhook_secret", id, error))?;
            webhook_secrets = secrets.into_iter().map(Secret::new).collect();
        }
    }
    Ok(Some(Opened {
        org: scope.org(),
        id,
        bot: row.bot_id.map(BotId::from),
        kind,
        public_id: row.public_id,
        active: row.status == "active",
        waits: matches!(row.status.as_str(), "paused" | "error"),
        rate_per_second: row.rate_per_second,
        provider_account_id: row.provider_account_id,
        settings: match row.settings {
            Value::Object(settings) => settings,
            _ => return Err(Error::inconsistent("channels", "settings", id, "not an object")),
        },
        credentials,
        webhook_secrets,
    }))
}

/// A connected channel whose events are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The tenant.
    pub org: OrgId,
    /// The channel.
    pub id: ChannelId,
    /// What it was set up with, as a digest: where this changes, fetching begins anew.
    pub stamp: String,
}

/// The connected channels of every organization that have the setting `polling`, oldest first; one that is paused goes
/// on hearing what comes in. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.channels.fetched", skip_all)]
pub async fn fetched(tx: &mut Tx, most: i64) -> Result<Vec<Fetched>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id,
               md5(concat_ws('/', settings, encode(credentials_ct, 'hex'), bot_id)) AS "stamp!"
        FROM channels
        WHERE status IN ('active', 'paused') AND deleted_at IS NULL AND settings @> '{"polling": true}'
        ORDER BY id LIMIT $1
        "#,
        most
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let fetched = |org: uuid::Uuid, id: uuid::Uuid, stamp| Fetched { org: org.into(), id: id.into(), stamp };
    Ok(rows.into_iter().map(|row| fetched(row.organization_id, row.id, row.stamp)).collect())
}

/// A channel to be connected.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: ChannelId,
    /// The bot that answers.
    pub bot: BotId,
    /// Its network.
    pub kind: ChannelKind,
    /// What operators call it.
    pub name: String,
    /// The last segment of its callback address.
    pub public_id: String,
    /// The provider's id of the account.
    pub provider_account_id: Option<String>,
    /// What is not secret.
    pub settings: Value,
    /// Access tokens and the like: a JSON object.
    pub credentials: Option<Secret<String>>,
    /// The secrets that sign webhooks, newest first.
    pub webhook_secrets: Vec<Secret<String>>,
}

/// Writes an active channel, its secrets sealed.
#[tracing::instrument(level = "debug", name = "store.channels.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    new: &New,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let credentials = new
        .credentials
        .as_ref()
        .map(|credentials| keys.seal(credentials_place(new.id), credentials.expose().as_bytes()))
        .transpose()?;
    let secrets: Vec<&str> = new.webhook_secrets.iter().map(|secret| secret.expose().as_str()).collect();
    let webhook_secret = if secrets.is_empty() {
        None
    } else {
        Some(keys.seal(webhook_secret_place(new.id), serde_json::json!(secrets).to_string().as_bytes())?)
    };
    sqlx::query!(
        r#"
        INSERT INTO channels (organization_id, id, bot_id, type, name, public_id, status, provider_account_id,
                              settings, credentials_ct, credentials_kid, webhook_secret_ct, webhook_secret_kid,
                              credentials_rotated_at)
        VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8, $9, $10, $11, $12, $13)
        "#,
        scope.org().uuid(),
        new.id.uuid(),
        new.bot.uuid(),
        new.kind.as_str(),
        new.name,
        new.public_id,
        new.provider_account_id,
        new.settings,
        credentials.as_ref().map(|sealed| sealed.ciphertext.as_slice()),
        credentials.as_ref().map(|sealed| sealed.key_id.as_str()),
        webhook_secret.as_ref().map(|sealed| sealed.ciphertext.as_slice()),
        webhook_secret.as_ref().map(|sealed| sealed.key_id.as_str()),
        credentials.as_ref().map(|_| now),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A channel as it is listed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// Its id.
    pub id: uuid::Uuid,
    /// Its network.
    #[serde(rename = "type")]
    pub kind: String,
    /// What operators call it.
    pub name: String,
    /// The last segment of its callback address.
    pub public_id: String,
    /// Whether it is connected.
    pub status: String,
}

/// The channels of an organization, oldest first.
#[tracing::instrument(level = "debug", name = "store.channels.list", skip_all)]
pub async fn list(tx: &mut Tx, scope: &OrgScope) -> Result<Vec<Listed>, Error> {
    Ok(sqlx::query_as!(
        Listed,
        r#"
        SELECT id, type AS kind, name, public_id, status FROM channels
        WHERE organization_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 200
        "#,
        scope.org().uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Changes where a channel's provider is.
#[tracing::instrument(level = "debug", name = "store.channels.set_base_url", skip_all)]
pub async fn set_base_url(tx: &mut Tx, scope: &OrgScope, id: ChannelId, url: &str) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channels SET settings = settings || jsonb_build_object('base_url', $3::text)
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id.uuid(),
        url
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// How a channel's account does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It sends.
    Healthy,
    /// Its provider has trouble.
    Degraded,
    /// Its provider takes nothing from it.
    Down,
}

impl Health {
    /// The word in `channels.health`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Writes what a provider says of a channel's account, under the provider's name for it. A connection that has ended is
/// not connected any more; from an account that is stopped nothing is sent until an operator has looked. Nothing else
/// changes what an operator decided. The answer is whether this is what stopped it.
#[tracing::instrument(level = "debug", name = "store.channels.set_standing", skip_all)]
pub async fn set_standing(
    tx: &mut Tx,
    scope: &OrgScope,
    id: ChannelId,
    name: &str,
    standing: &Standing,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let health = match standing {
        Standing::Well => Health::Healthy,
        Standing::Troubled { .. } => Health::Degraded,
        Standing::Down { .. } | Standing::Ended { .. } => Health::Down,
    };
    let stopped = sqlx::query_scalar!(
        r#"
        UPDATE channels c SET
            status = CASE WHEN $7 AND c.status IN ('active', 'paused', 'error') THEN 'disconnected'
                          WHEN $8 AND c.status = 'active' THEN 'error' ELSE c.status END,
            health = $3, health_checked_at = $4,
            error_code = CASE WHEN $6::text IS NOT NULL THEN left($5, 64) END, error_message = left($6, 2000)
        FROM (SELECT id, status FROM channels WHERE organization_id = $1 AND id = $2 FOR UPDATE) before
        WHERE c.organization_id = $1 AND c.id = before.id
        RETURNING c.status <> before.status AS "stopped!"
        "#,
        scope.org().uuid(),
        id.uuid(),
        health.as_str(),
        now,
        name,
        standing.why(),
        matches!(standing, Standing::Ended { .. }),
        matches!(standing, Standing::Down { .. }),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(stopped.unwrap_or_default())
}

/// Codes of what goes wrong when an account is used. It is over when the account works; what a provider says of an account
/// under a name of its own is not.
const OF_USE: [&str; 13] = [
    "account_stopped",
    "callback_refused",
    "conflict",
    "credentials_refused",
    "not_available",
    "not_unregistered",
    "provider_not_configured",
    "provider_unavailable",
    "refused",
    "socket_mode_off",
    "unavailable",
    "uncertain",
    "webhook_secret_refused",
];

/// Writes how a channel's account does, with the code and the text of what went wrong. What an operator has to look at
/// ([`stop`]) stays until one has; that the account works does not undo what its provider said of it. The answer is whether
/// anything changed.
#[tracing::instrument(level = "debug", name = "store.channels.set_health", skip_all)]
pub async fn set_health(
    tx: &mut Tx,
    scope: &OrgScope,
    id: ChannelId,
    health: Health,
    failure: Option<&(&'static str, String)>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE channels SET health = $3, health_checked_at = $4, error_code = left($5, 64),
                            error_message = left($6, 2000)
        WHERE organization_id = $1 AND id = $2 AND status <> 'error'
          AND (health, error_code, error_message) IS DISTINCT FROM ($3, left($5, 64), left($6, 2000))
          AND ($3 <> 'healthy' OR error_code IS NULL OR error_code = ANY($7))
        "#,
        scope.org().uuid(),
        id.uuid(),
        health.as_str(),
        now,
        failure.map(|(code, _)| *code),
        failure.map(|(_, message)| message.as_str()),
        &OF_USE as &[&str],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Active channels with a provider about which nothing was found out since before this instant, longest ago first. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.channels.to_check", skip_all)]
pub async fn to_check(
    tx: &mut Tx,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(OrgId, ChannelId)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id FROM channels
        WHERE status = 'active' AND deleted_at IS NULL AND type <> 'web'
          AND coalesce(health_checked_at, '-infinity') < $1
        ORDER BY health_checked_at NULLS FIRST, id LIMIT $2
        "#,
        before,
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.id.into())).collect())
}

/// Notes that what stands on a channel is still so.
#[tracing::instrument(level = "debug", name = "store.channels.checked", skip_all)]
pub async fn checked(tx: &mut Tx, scope: &OrgScope, id: ChannelId, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE channels SET health_checked_at = $3 WHERE organization_id = $1 AND id = $2 AND status = 'active'",
        scope.org().uuid(),
        id.uuid(),
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Has nothing go out by a channel until an operator activates it again, and says why. The answer is whether it was
/// active.
#[tracing::instrument(level = "debug", name = "store.channels.stop", skip_all)]
pub async fn stop(
    tx: &mut Tx,
    scope: &OrgScope,
    id: ChannelId,
    code: &str,
    message: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE channels SET status = 'error', health = 'down', health_checked_at = $5, error_code = left($3, 64),
                            error_message = left($4, 2000)
        WHERE organization_id = $1 AND id = $2 AND status = 'active'
        "#,
        scope.org().uuid(),
        id.uuid(),
        code,
        message,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() > 0)
}
