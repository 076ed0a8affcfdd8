//! The sending of a message: attempts begun, and how they ended.

use std::collections::{HashMap, HashSet};

use botbuilder_domain::{ChannelId, Failure, MessageId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// What became of asking for the right to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It may be sent: the attempt of that number is written down as started.
    Granted {
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The provider's ids of the parts that earlier attempts got through, in order.
        taken: Vec<String>,
    },
    /// An earlier attempt was started and its outcome was never written: it is uncertain and is not sent again.
    Uncertain,
    /// It was sent, failed or expired before.
    Settled,
    /// There is no such message.
    Unknown,
}

/// Writes *attempt started* for messages that are queued and have none, and says what became of each, in order.
/// A message found with a started attempt is marked uncertain: whoever began it is gone.
#[tracing::instrument(level = "debug", name = "store.channel_messages.claim_many", skip_all)]
pub async fn claim_many(
    tx: &mut Tx,
    scope: &OrgScope,
    ids: &[MessageId],
    now: DateTime<Utc>,
) -> Result<Vec<Claim>, Error> {
    let (keys, created): (Vec<Uuid>, Vec<DateTime<Utc>>) =
        ids.iter().map(|id| (id.uuid(), id.created_at())).unzip();
    let rows = sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            attempts = m.attempts + CASE WHEN m.attempt_started_at IS NULL THEN 1 ELSE 0 END,
            attempt_started_at = coalesce(m.attempt_started_at, $4),
            uncertain_at = CASE WHEN m.attempt_started_at IS NOT NULL THEN coalesce(m.uncertain_at, $4) END
        FROM unnest($2::uuid[], $3::timestamptz[]) AS k(id, created)
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1
          AND m.direction = 'outbound' AND m.status = 'queued'
        RETURNING m.id, m.attempts, old.attempt_started_at IS NOT NULL AS "started!", m.payload->'parts' AS parts
        "#,
        scope.org().uuid(),
        &keys,
        &created,
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let claimed: HashMap<Uuid, Claim> = rows
        .into_iter()
        .map(|row| {
            let attempt = u32::try_from(row.attempts).unwrap_or(1);
            // A list of ids that we wrote ourselves; anything else in its place means that nothing was taken.
            let taken = row.parts.and_then(|parts| serde_json::from_value(parts).ok()).unwrap_or_default();
            (row.id, if row.started { Claim::Uncertain } else { Claim::Granted { attempt, taken } })
        })
        .collect();
    // Rare: most messages are claimed once, while they are queued.
    let left: Vec<Uuid> = keys.iter().filter(|id| !claimed.contains_key(id)).copied().collect();
    let settled = if left.is_empty() { HashSet::new() } else { existing(tx, scope, &left).await? };
    Ok(keys
        .iter()
        .map(|id| match claimed.get(id) {
            Some(claim) => claim.clone(),
            None if settled.contains(id) => Claim::Settled,
            None => Claim::Unknown,
        })
        .collect())
}

/// Which of these outbound messages there are.
async fn existing(tx: &mut Tx, scope: &OrgScope, ids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let created: Vec<DateTime<Utc>> = ids.iter().map(|id| MessageId::from(*id).created_at()).collect();
    let rows = sqlx::query_scalar!(
        r#"
        SELECT m.id AS "id!" FROM unnest($2::uuid[], $3::timestamptz[]) AS k(id, created)
        JOIN channel_messages m ON m.id = k.id AND m.created_at = k.created
        WHERE m.organization_id = $1 AND m.direction = 'outbound'
        "#,
        scope.org().uuid(),
        ids,
        &created,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The message.
    pub id: MessageId,
    /// The channel, for the provider ids.
    pub channel: ChannelId,
    /// How it ended.
    pub result: Settled,
    /// When.
    pub at: DateTime<Utc>,
}

/// The ways an attempt ends.
#[derive(Debug, Clone)]
pub enum Settled {
    /// The provider took it, each part under an id of its own.
    Sent {
        /// The ids, in the order of the parts; empty for a part that got none.
        provider_ids: Vec<String>,
    },
    /// It will not be sent.
    Failed(Failure),
    /// It is tried again at this instant.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Why it was not taken this time.
        failure: Failure,
        /// The provider's ids of the parts that got through so far.
        taken: Vec<String>,
    },
    /// Whether the provider took it is not known.
    Uncertain(Failure),
}

/// Writes how attempts ended.
#[tracing::instrument(level = "debug", name = "store.channel_messages.settle_many", skip_all)]
pub async fn settle_many(tx: &mut Tx, scope: &OrgScope, outcomes: &[Outcome]) -> Result<(), Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(outcomes.len());
    let mut created: Vec<DateTime<Utc>> = Vec::with_capacity(outcomes.len());
    let mut results: Vec<&str> = Vec::with_capacity(outcomes.len());
    let mut first_ids: Vec<Option<&str>> = Vec::with_capacity(outcomes.len());
    let mut parts: Vec<Option<Value>> = Vec::with_capacity(outcomes.len());
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(outcomes.len());
    let mut codes: Vec<Option<&str>> = Vec::with_capacity(outcomes.len());
    let mut reasons: Vec<Option<&str>> = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        ids.push(outcome.id.uuid());
        created.push(outcome.id.created_at());
        let (result, provider_ids, at, failure) = match &outcome.result {
            Settled::Sent { provider_ids } => ("sent", provider_ids.as_slice(), outcome.at, None),
            Settled::Failed(failure) => ("failed", [].as_slice(), outcome.at, Some(failure)),
            Settled::Retry { at, failure, taken } => ("retry", taken.as_slice(), *at, Some(failure)),
            Settled::Uncertain(failure) => ("uncertain", [].as_slice(), outcome.at, Some(failure)),
        };
        results.push(result);
        let unfinished = result == "retry" && !provider_ids.is_empty();
        first_ids.push(provider_ids.iter().map(String::as_str).find(|id| !id.is_empty()));
        parts.push((unfinished || provider_ids.len() > 1).then(|| serde_json::json!(provider_ids)));
        times.push(at);
        codes.push(failure.map(|failure| failure.code.as_str()));
        reasons.push(failure.map(|failure| failure.message.as_str()));
    }
    sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            status = CASE k.result WHEN 'sent' THEN 'sent' WHEN 'failed' THEN 'failed' ELSE m.status END,
            provider_message_id = coalesce(left(k.provider_id, 255), m.provider_message_id),
            payload = CASE WHEN k.parts IS NULL THEN m.payload
                           ELSE m.payload || jsonb_build_object('parts', k.parts) END,
            attempt_started_at = CASE WHEN k.result = 'retry' THEN NULL ELSE m.attempt_started_at END,
            next_attempt_at = CASE WHEN k.result = 'retry' THEN k.at ELSE m.next_attempt_at END,
            uncertain_at = CASE WHEN k.result = 'uncertain' THEN k.at END,
            error_code = CASE WHEN k.result = 'sent' THEN NULL ELSE left(k.code, 64) END,
            error_message = CASE WHEN k.result = 'sent' THEN NULL ELSE left(k.reason, 1000) END
        FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[],
                    $8::text[], $9::text[])
             AS k(id, created, result, provider_id, parts, at, code, reason)
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        &results as &[&str],
        &first_ids as &[Option<&str>],
        &parts as &[Option<Value>],
        &times,
        &codes as &[Option<&str>],
        &reasons as &[Option<&str>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
