//! `message_events`: the trail of each message, append-only, written in batches.

use botbuilder_domain::{MessageId, Stage, TrailEvent};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// Writes entries. `ids` gives each row its identifier.
#[tracing::instrument(level = "debug", name = "store.message_events.insert_many", skip_all)]
pub async fn insert_many(
    tx: &mut Tx,
    scope: &OrgScope,
    events: &[TrailEvent],
    ids: &dyn botbuilder_domain::Ids,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut keys: Vec<Uuid> = Vec::with_capacity(events.len());
    let mut created: Vec<DateTime<Utc>> = Vec::with_capacity(events.len());
    let mut messages: Vec<Uuid> = Vec::with_capacity(events.len());
    let mut conversations: Vec<Option<Uuid>> = Vec::with_capacity(events.len());
    let mut channels: Vec<Option<Uuid>> = Vec::with_capacity(events.len());
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(events.len());
    let mut stages: Vec<&str> = Vec::with_capacity(events.len());
    let mut attempts: Vec<i32> = Vec::with_capacity(events.len());
    let mut codes: Vec<Option<&str>> = Vec::with_capacity(events.len());
    let mut durations: Vec<Option<i64>> = Vec::with_capacity(events.len());
    let mut details: Vec<Value> = Vec::with_capacity(events.len());
    let mut traces: Vec<Option<&str>> = Vec::with_capacity(events.len());
    for event in events {
        let id = MessageId::new(ids.next());
        keys.push(id.uuid());
        created.push(id.created_at());
        messages.push(event.message.uuid());
        conversations.push(event.conversation.map(botbuilder_domain::Id::uuid));
        channels.push(event.channel.map(botbuilder_domain::Id::uuid));
        times.push(event.at);
        stages.push(event.stage.as_str());
        attempts.push(i32::try_from(event.attempt).unwrap_or(i32::MAX));
        codes.push(event.provider_code.as_deref());
        durations.push(event.duration_us.map(|micros| i64::try_from(micros).unwrap_or(i64::MAX)));
        details.push(Value::Object(event.detail.clone()));
        traces.push(event.trace_id.as_deref());
    }
    sqlx::query!(
        r#"
        INSERT INTO message_events
            (organization_id, id, created_at, message_id, conversation_id, channel_id, at, stage, attempt,
             provider_code, duration_us, detail, trace_id)
        SELECT $1, k.id, k.created, k.message, k.conversation, k.channel, k.at, k.stage, k.attempt,
               left(k.code, 64), k.duration, k.detail, k.trace
        FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[],
                    $8::text[], $9::int[], $10::text[], $11::bigint[], $12::jsonb[], $13::text[])
             AS k(id, created, message, conversation, channel, at, stage, attempt, code, duration, detail, trace)
        "#,
        scope.org().uuid(),
        &keys,
        &created,
        &messages,
        &conversations as &[Option<Uuid>],
        &channels as &[Option<Uuid>],
        &times,
        &stages as &[&str],
        &attempts,
        &codes as &[Option<&str>],
        &durations as &[Option<i64>],
        &details,
        &traces as &[Option<&str>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// One entry of a trail, as it is shown.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Entry {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub stage: String,
    /// The number of the sending attempt; 0 where there is none.
    pub attempt: i32,
    /// The provider's code.
    pub provider_code: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: Option<i64>,
    /// More, redacted.
    pub detail: Value,
}

/// The entry of an outgoing message's beginning. Its row says when that was, so nothing more is stored for it.
pub fn queued(created_at: DateTime<Utc>) -> Entry {
    Entry {
        at: created_at,
        stage: Stage::Queued.as_str().to_owned(),
        attempt: 0,
        provider_code: None,
        duration_us: None,
        detail: serde_json::json!({}),
    }
}

/// The trail of one message, oldest first.
#[tracing::instrument(level = "debug", name = "store.message_events.of_message", skip_all)]
pub async fn of_message(tx: &mut Tx, scope: &OrgScope, message: MessageId) -> Result<Vec<Entry>, Error> {
    Ok(sqlx::query_as!(
        Entry,
        r#"
        SELECT at, stage, attempt, provider_code, duration_us, detail FROM message_events
        WHERE organization_id = $1 AND message_id = $2 ORDER BY at, id LIMIT 1000
        "#,
        scope.org().uuid(),
        message.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
