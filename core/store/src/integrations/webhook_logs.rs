//! `webhook_logs`: one row per attempt to deliver an event to a customer's endpoint. A row that waits for its attempt is
//! `retrying`, also the first of a delivery and one that is being made: then its instant is when it is made again if
//! nobody ends it.

use botbuilder_domain::{Ids, OrgId};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Kind, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "webhook_logs",
    columns: &[
        Column::uuid("id"),
        Column::uuid("delivery_id"),
        Column::uuid("event_id"),
        Column::form("event_type", 128, Form::Checked),
        Column::uuid("integration_id").nullable(),
        Column::uuid("bot_id").nullable(),
        Column::form("url", 2048, Form::Url),
        Column::integer("attempt", 1, 20),
        Column::choice("status", &["pending", "succeeded", "retrying", "failed", "abandoned"]),
        Column::object("request_headers"),
        Column::new("request_body", Kind::Json).nullable(),
        Column::integer("response_status", 100, 599).nullable(),
        Column::object("response_headers"),
        Column::text("response_body", 8192).nullable(),
        Column::text("error_message", 1000).nullable(),
        Column::integer("duration_ms", 0, 2_147_483_647).nullable(),
        Column::instant("next_attempt_at").nullable(),
        Column::uuid("replay_of").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_webhook_logs_1",
            "event_type",
            "must keep to: (event_type ~ '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$') AND (char_length(event_type) <= 128)",
        ),
        Rule::new("ck_webhook_logs_12", "bot_id", "must keep to: num_nonnulls(integration_id, bot_id) = 1"),
        Rule::new(
            "ck_webhook_logs_13",
            "next_attempt_at",
            "must keep to: (status = 'retrying') = (next_attempt_at IS NOT NULL)",
        ),
    ],
    ..Table::PLAIN
};

/// Where an event is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The webhook of an integration.
    Integration(Uuid),
    /// The webhook of a bot.
    Bot(Uuid),
}

impl Target {
    /// The row it is configured in.
    pub const fn id(self) -> Uuid {
        match self {
            Self::Integration(id) | Self::Bot(id) => id,
        }
    }

    const fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Integration(id) => (Some(id), None),
            Self::Bot(id) => (None, Some(id)),
        }
    }

    fn of(row: Uuid, integration: Option<Uuid>, bot: Option<Uuid>) -> Result<Self, Error> {
        integration
            .map(Self::Integration)
            .or(bot.map(Self::Bot))
            .ok_or_else(|| Error::inconsistent("webhook_logs", "integration_id", row, "and bot_id are empty"))
    }
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id, the same for all of its attempts.
    pub delivery: Uuid,
    /// The event.
    pub event: Uuid,
    /// What happened.
    pub event_type: String,
    /// Where it goes.
    pub target: Target,
    /// The address.
    pub url: String,
    /// What is sent.
    pub body: Value,
}

/// Adds deliveries whose first attempt is due at once.
#[tracing::instrument(level = "debug", name = "store.webhook_logs.insert_many", skip_all)]
pub async fn insert_many(tx: &mut Tx, scope: &OrgScope, new: &[New], ids: &dyn Ids) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let rows: Vec<Uuid> = new.iter().map(|_| ids.next()).collect();
    let deliveries: Vec<Uuid> = new.iter().map(|new| new.delivery).collect();
    let events: Vec<Uuid> = new.iter().map(|new| new.event).collect();
    let types: Vec<&str> = new.iter().map(|new| new.event_type.as_str()).collect();
    let integrations: Vec<Option<Uuid>> = new.iter().map(|new| new.target.columns().0).collect();
    let bots: Vec<Option<Uuid>> = new.iter().map(|new| new.target.columns().1).collect();
    let urls: Vec<&str> = new.iter().map(|new| new.url.as_str()).collect();
    let bodies: Vec<&Value> = new.iter().map(|new| &new.body).collect();
    sqlx::query!(
        r#"
        INSERT INTO webhook_logs
            (id, organization_id, delivery_id, event_id, event_type, integration_id, bot_id, url, attempt, status,
             request_body, next_attempt_at, created_at)
        SELECT k.id, $1, k.delivery, k.event, k.type, k.integration, k.bot, k.url, 1, 'retrying', k.body, now(),
               app.uuid_v7_ts(k.id)
        FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::jsonb[])
             AS k(id, delivery, event, type, integration, bot, url, body)
        "#,
        scope.org().uuid(),
        &rows,
        &deliveries,
        &events,
        &types as &[&str],
        &integrations as &[Option<Uuid>],
        &bots as &[Option<Uuid>],
        &urls as &[&str],
        &bodies as &[&Value],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// An attempt to be made now.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row.
    pub id: Uuid,
    /// Whose.
    pub org: OrgId,
    /// The delivery.
    pub delivery: Uuid,
    /// The event.
    pub event_type: String,
    /// Where it goes.
    pub target: Target,
    /// The address.
    pub url: String,
    /// Which attempt, from 1.
    pub attempt: i32,
    /// What is sent.
    pub body: Value,
}

/// Takes attempts that are due, for as long as the lease; none of targets that are `busy`. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.webhook_logs.claim", skip_all)]
pub async fn claim(tx: &mut Tx, busy: &[Uuid], lease: TimeDelta, limit: i64) -> Result<Vec<Due>, Error> {
    let lease = lease.as_seconds_f64();
    let rows = sqlx::query!(
        r#"
        UPDATE webhook_logs w SET next_attempt_at = now() + make_interval(secs => $2)
        FROM (
            SELECT id, created_at FROM webhook_logs
            WHERE status = 'retrying' AND next_attempt_at <= now()
              AND coalesce(integration_id, bot_id) <> ALL ($1)
            ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ) d
        WHERE w.id = d.id AND w.created_at = d.created_at
        RETURNING w.id, w.organization_id, w.delivery_id, w.event_type, w.integration_id, w.bot_id, w.url, w.attempt,
                  w.request_body
        "#,
        busy,
        lease,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Due {
                target: Target::of(row.id, row.integration_id, row.bot_id)?,
                id: row.id,
                org: row.organization_id.into(),
                delivery: row.delivery_id,
                event_type: row.event_type,
                url: row.url,
                attempt: row.attempt,
                body: row.request_body.unwrap_or_default(),
            })
        })
        .collect()
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    /// The row.
    pub id: Uuid,
    /// `succeeded`, `failed` or `abandoned`.
    pub status: &'static str,
    /// The headers that were sent, without signatures.
    pub request_headers: Value,
    /// The status that came back.
    pub response_status: Option<u16>,
    /// The headers that came back.
    pub response_headers: Value,
    /// The beginning of what came back, at most 8192 characters.
    pub response_body: Option<&'a str>,
    /// Why there is no answer, or what is wrong with it.
    pub error: Option<&'a str>,
    /// How long it took, in milliseconds.
    pub took_ms: i32,
}

/// Writes how an attempt ended. Whether it was still waited for.
#[tracing::instrument(level = "debug", name = "store.webhook_logs.end", skip_all)]
pub async fn end(tx: &mut Tx, scope: &OrgScope, ended: &Ended<'_>) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE webhook_logs SET
            status = $3, next_attempt_at = NULL, request_headers = $4, response_status = $5, response_headers = $6,
            response_body = left($7, 8192), error_message = left($8, 1000), duration_ms = $9
        WHERE organization_id = $1 AND id = $2 AND created_at = app.uuid_v7_ts($2) AND status = 'retrying'
        "#,
        scope.org().uuid(),
        ended.id,
        ended.status,
        ended.request_headers,
        ended.response_status.map(i32::from),
        ended.response_headers,
        ended.response_body,
        ended.error,
        ended.took_ms,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds the next attempt of a delivery, due at an instant. The address is the one that is configured by now.
#[tracing::instrument(level = "debug", name = "store.webhook_logs.again", skip_all)]
pub async fn again(
    tx: &mut Tx,
    scope: &OrgScope,
    before: Uuid,
    id: Uuid,
    attempt: i32,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO webhook_logs
            (id, organization_id, delivery_id, event_id, event_type, integration_id, bot_id, url, attempt, status,
             request_body, next_attempt_at, created_at, replay_of)
        SELECT $3, w.organization_id, w.delivery_id, w.event_id, w.event_type, w.integration_id, w.bot_id,
               coalesce(i.config ->> 'url', b.webhook_url, w.url), $4, 'retrying', w.request_body, $5,
               app.uuid_v7_ts($3), CASE WHEN $4 = 1 THEN w.id ELSE w.replay_of END
        FROM webhook_logs w
        LEFT JOIN integrations i ON i.organization_id = w.organization_id AND i.id = w.integration_id
        LEFT JOIN bots b ON b.organization_id = w.organization_id AND b.id = w.bot_id
        WHERE w.organization_id = $1 AND w.id = $2 AND w.created_at = app.uuid_v7_ts($2)
        "#,
        scope.org().uuid(),
        before,
        id,
        attempt,
        at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Puts an attempt off that was not begun.
#[tracing::instrument(level = "debug", name = "store.webhook_logs.put_off", skip_all)]
pub async fn put_off(tx: &mut Tx, scope: &OrgScope, id: Uuid, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE webhook_logs SET next_attempt_at = $3
        WHERE organization_id = $1 AND id = $2 AND created_at = app.uuid_v7_ts($2) AND status = 'retrying'
        "#,
        scope.org().uuid(),
        id,
        at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
