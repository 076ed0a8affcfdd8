//! Events: what happened, told to whoever asked to hear of it. They are written to the outbox in the transaction of what
//! they tell, so none is lost and none tells of what was undone. Outgoing webhooks, the feed of activities and the
//! metering of use take each of them once ([`take`]); live views read them beside that ([`since`], [`after`]).

use std::collections::HashMap;

use botbuilder_domain::OrgId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, system::dedupe_keys};

/// The topic of events in the outbox. The relay leaves it alone.
pub const TOPIC: &str = "events";

/// The types of events that webhooks can ask for, each with what it tells. Other events are for live views.
pub const TYPES: &[(&str, &str)] = &[
    ("bot.created", "a bot was made, imported or duplicated"),
    ("bot.updated", "a bot was changed"),
    ("bot.published", "a bot was published"),
    ("bot.deleted", "a bot was deleted"),
    ("flow.published", "a flow was published"),
    ("message.received", "a contact wrote"),
    ("message.sent", "the provider took a message"),
    ("message.delivered", "a message arrived"),
    ("message.read", "a message was seen"),
    ("message.failed", "a message could not be sent"),
    ("channel.stopped", "a provider stopped an account; nothing goes out by it until it is activated again"),
    ("conversation.opened", "a conversation began"),
    ("conversation.handed_over", "a bot handed a conversation to people"),
    ("conversation.assigned", "a conversation was assigned to a member, or to nobody"),
    ("conversation.closed", "a conversation was closed"),
    ("conversation.reopened", "a conversation that was put aside or closed goes on"),
    ("contact.created", "a contact was made by hand"),
    ("contact.updated", "a contact was changed by hand"),
    ("contact.opted_out", "a contact wants no campaigns"),
    ("experiment.decided", "an experiment ended with a winner"),
    ("recovery.event.detected", "something puts revenue at risk"),
    ("recovery.event.recovered", "a customer bought after all"),
    ("health.risk.changed", "a customer is likelier, or less likely, to leave"),
    ("plugin.installed", "a plugin was installed"),
    ("subscription.changed", "the organization is on another plan, or on other terms"),
    ("member.joined", "somebody joined the organization"),
    ("member.removed", "somebody left the organization"),
    ("webhook.disabled", "a webhook was switched off after too many failures"),
    ("webhook.test", "a test, asked for by hand"),
];

/// Whether webhooks can ask for events of this type.
pub fn is_public(kind: &str) -> bool {
    TYPES.iter().any(|(known, _)| *known == kind)
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, the same wherever it is told.
    pub id: Uuid,
    /// What happened: `message.received`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The bot it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<Uuid>,
    /// More about it; no secrets.
    pub data: Value,
}

/// What was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// A metric of `usage_tracking`.
    pub metric: String,
    /// The bot that used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<Uuid>,
    /// The token that used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token_id: Option<Uuid>,
    /// How much.
    pub quantity: i64,
}

/// Something that somebody did, for the feed of activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The account.
    pub user_id: Option<Uuid>,
    /// `ui` or `api`.
    pub source: String,
    /// What was done: `bots.created`.
    pub verb: String,
    /// The kind of thing it was done to.
    pub entity_type: String,
    /// The thing.
    pub entity_id: Uuid,
    /// The fields that changed.
    pub fields: Vec<String>,
    /// The request.
    pub request_id: Option<Uuid>,
    /// The bot it was done in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<Uuid>,
    /// Whether only those see it who look after the organization.
    #[serde(default)]
    pub for_admins: bool,
}

/// What one transaction has to tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// What happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What was used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<Used>,
    /// What was done by whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activity: Vec<Activity>,
}

impl Batch {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.usage.is_empty() && self.activity.is_empty()
    }
}

/// Events as they stand in the outbox.
#[derive(Debug, Clone)]
pub struct Noted {
    /// Where.
    pub position: i64,
    /// Whose.
    pub org: OrgId,
    /// When they were written.
    pub at: DateTime<Utc>,
    /// What they tell.
    pub batch: Batch,
}

fn read(position: i64, org: Uuid, at: DateTime<Utc>, payload: Value) -> Result<Noted, Error> {
    let batch = serde_json::from_value(payload)
        .map_err(|error| Error::inconsistent("outbox_events", "payload", position, error))?;
    Ok(Noted { position, org: org.into(), at, batch })
}

/// Tells what happens in this transaction.
#[tracing::instrument(level = "debug", name = "store.events.note", skip_all)]
pub async fn note(tx: &mut Tx, scope: &OrgScope, id: Uuid, batch: &Batch) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let payload = serde_json::to_value(batch)
        .map_err(|error| Error::inconsistent("outbox_events", "payload", id, error))?;
    sqlx::query!(
        r#"
        INSERT INTO outbox_events (organization_id, id, topic, partition_key, event_type, payload)
        VALUES ($1, $2, $3, $1::uuid::text, 'events.noted', $4)
        "#,
        scope.org().uuid(),
        id,
        TOPIC,
        payload,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The organizations with events that nobody took yet. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.events.waiting", skip_all)]
pub async fn waiting(tx: &mut Tx) -> Result<Vec<OrgId>, Error> {
    let orgs = sqlx::query_scalar!(
        r#"
        SELECT DISTINCT w.organization_id AS "org!" FROM (
            SELECT organization_id FROM outbox_events
            WHERE published_at IS NULL AND topic = $1 AND organization_id IS NOT NULL
            ORDER BY position LIMIT 1000
        ) w
        "#,
        TOPIC,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(orgs.into_iter().map(OrgId::from).collect())
}

/// Takes events, the oldest first, and marks them taken with this transaction, which must end within 20 seconds: so
/// that after half a minute what was taken in a minute is known ([`meter`]).
#[tracing::instrument(level = "debug", name = "store.events.take", skip_all)]
pub async fn take(tx: &mut Tx, scope: &OrgScope, limit: i64) -> Result<Vec<Noted>, Error> {
    sqlx::query!("SELECT set_config('transaction_timeout', '20s', true)").fetch_one(&mut *tx.inner).await?;
    let rows = sqlx::query!(
        r#"
        UPDATE outbox_events o SET published_at = now()
        WHERE o.position IN (
            SELECT position FROM outbox_events
            WHERE published_at IS NULL AND topic = $2 AND organization_id = $1
            ORDER BY position LIMIT $3 FOR UPDATE SKIP LOCKED
        ) AND o.organization_id = $1
        RETURNING o.position, o.created_at, o.payload
        "#,
        scope.org().uuid(),
        TOPIC,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let org = scope.org().uuid();
    let noted = rows.into_iter().map(|row| read(row.position, org, row.created_at, row.payload));
    let mut noted: Vec<Noted> = noted.collect::<Result<_, _>>()?;
    noted.sort_by_key(|noted| noted.position);
    Ok(noted)
}

/// The minutes between two instants in which events were taken, by organization. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.events.minutes", skip_all)]
pub async fn minutes(
    tx: &mut Tx,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(OrgId, DateTime<Utc>)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT DISTINCT organization_id AS "org!", date_trunc('minute', published_at, 'UTC') AS "minute!"
        FROM outbox_events
        WHERE published_at >= $1 AND published_at < $2 AND topic = $3 AND organization_id IS NOT NULL
          AND payload ? 'usage'
        "#,
        from,
        to,
        TOPIC,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.org.into(), row.minute)).collect())
}

/// The database's time. Needs [`crate::Store::begin_worker`].
pub async fn now(tx: &mut Tx) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT now() AS "now!""#).fetch_one(&mut *tx.inner).await?)
}

/// Adds up what was used by the events taken in a minute that is over for good, once. Whether this call did it.
#[tracing::instrument(level = "debug", name = "store.events.meter", skip_all)]
pub async fn meter(
    tx: &mut Tx,
    scope: &OrgScope,
    minute: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let key = dedupe_keys::New {
        scope: "usage".to_owned(),
        key: format!("{}/{}", scope.org(), minute.timestamp()),
        message: None,
    };
    if dedupe_keys::take_many(tx, scope, &[key], now).await?.first() != Some(&true) {
        return Ok(false);
    }
    sqlx::query!(
        r#"
        INSERT INTO usage_tracking
            (id, organization_id, bot_id, api_token_id, metric, quantity, window_start, source_key, created_at)
        SELECT n.id, $1, n.bot, n.token, n.metric, n.quantity, $2,
               concat_ws(':', 'minute', extract(epoch FROM $2::timestamptz)::bigint, n.bot, n.token),
               app.uuid_v7_ts(n.id)
        FROM (
            SELECT app.uuid_v7() AS id, s.* FROM (
                SELECT u.value ->> 'metric' AS metric, (u.value ->> 'bot_id')::uuid AS bot,
                       (u.value ->> 'api_token_id')::uuid AS token,
                       sum((u.value ->> 'quantity')::bigint)::bigint AS quantity
                FROM outbox_events o, jsonb_array_elements(o.payload -> 'usage') u
                WHERE o.organization_id = $1 AND o.topic = $3 AND o.payload ? 'usage'
                  AND o.published_at >= $2 AND o.published_at < $2 + interval '1 minute'
                GROUP BY 1, 2, 3
            ) s
            OFFSET 0
        ) n
        "#,
        scope.org().uuid(),
        minute,
        TOPIC,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(true)
}

/// Events after a position, of everybody. Needs [`crate::Store::begin_worker`]. Numbers are taken before the commit and
/// may appear late, so whoever follows reads a little further back than what it has seen.
#[tracing::instrument(level = "debug", name = "store.events.since", skip_all)]
pub async fn since(tx: &mut Tx, position: i64, limit: i64) -> Result<Vec<Noted>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT position, organization_id AS "org!", created_at, payload FROM outbox_events
        WHERE position > $1 AND topic = $2 AND organization_id IS NOT NULL AND payload ? 'events'
        ORDER BY position LIMIT $3
        "#,
        position,
        TOPIC,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    rows.into_iter().map(|row| read(row.position, row.org, row.created_at, row.payload)).collect()
}

/// The last position of the outbox that has been taken. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.events.last", skip_all)]
pub async fn last(tx: &mut Tx) -> Result<i64, Error> {
    let last = sqlx::query_scalar!(r#"SELECT coalesce(max(position), 0) AS "last!" FROM outbox_events"#);
    Ok(last.fetch_one(&mut *tx.inner).await?)
}

/// An organization's events from a little before the one at a position on, or none where that one is no longer kept.
#[tracing::instrument(level = "debug", name = "store.events.after", skip_all)]
pub async fn after(
    tx: &mut Tx,
    scope: &OrgScope,
    position: i64,
    back: TimeDelta,
    limit: i64,
) -> Result<Option<Vec<Noted>>, Error> {
    let at = sqlx::query_scalar!(
        "SELECT created_at FROM outbox_events WHERE organization_id = $1 AND position = $2",
        scope.org().uuid(),
        position,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(at) = at else { return Ok(None) };
    let rows = sqlx::query!(
        r#"
        SELECT position, created_at, payload FROM outbox_events
        WHERE organization_id = $1 AND topic = $2 AND payload ? 'events'
          AND (position > $3 OR created_at >= $4)
        ORDER BY position LIMIT $5
        "#,
        scope.org().uuid(),
        TOPIC,
        position,
        at - back,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let org = scope.org().uuid();
    let rows = rows.into_iter().map(|row| read(row.position, org, row.created_at, row.payload));
    rows.collect::<Result<_, _>>().map(Some)
}

/// The bots of messages, by the messages' ids. One that is no bot's is left out.
#[tracing::instrument(level = "debug", name = "store.events.bots_of_messages", skip_all)]
pub async fn bots_of_messages(
    tx: &mut Tx,
    scope: &OrgScope,
    messages: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT m.id, m.bot_id AS "bot!" FROM unnest($2::uuid[]) AS wanted (id)
        JOIN channel_messages m ON m.id = wanted.id AND m.created_at = app.uuid_v7_ts(wanted.id)
        WHERE m.organization_id = $1 AND m.bot_id IS NOT NULL
        "#,
        scope.org().uuid(),
        messages,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.bot)).collect())
}
