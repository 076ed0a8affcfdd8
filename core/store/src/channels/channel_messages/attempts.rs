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
    /// Its contact gets nothing of this kind: no attempt was written down.
    Barred(Bar),
    /// An earlier attempt was started and its outcome was never written: it is uncertain and is not sent again.
    Uncertain,
    /// It was sent, failed or expired before.
    Settled,
    /// There is no such message.
    Unknown,
}

/// Why a contact gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// The contact is blocked, or has blocked the account.
    Blocked,
    /// The contact wants no messages of a campaign.
    OptedOut,
}

/// A message that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The message.
    pub id: MessageId,
    /// Whether it belongs to a campaign, which a contact can refuse.
    pub campaign: bool,
}

/// Writes *attempt started* for messages that are queued and have none, and says what became of each, in order.
/// A message found with a started attempt is marked uncertain: whoever began it is gone. What may not go to its contact
/// is left as it is.
#[tracing::instrument(level = "debug", name = "store.channel_messages.claim_many", skip_all)]
pub async fn claim_many(
    tx: &mut Tx,
    scope: &OrgScope,
    wanted: &[Wanted],
    now: DateTime<Utc>,
) -> Result<Vec<Claim>, Error> {
    let keys: Vec<Uuid> = wanted.iter().map(|wanted| wanted.id.uuid()).collect();
    let created: Vec<DateTime<Utc>> = wanted.iter().map(|wanted| wanted.id.created_at()).collect();
    let campaign: Vec<bool> = wanted.iter().map(|wanted| wanted.campaign).collect();
    let rows = sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            attempts = m.attempts + CASE WHEN m.attempt_started_at IS NULL AND k.bar IS NULL THEN 1 ELSE 0 END,
            attempt_started_at = CASE WHEN k.bar IS NULL THEN coalesce(m.attempt_started_at, $4)
                                      ELSE m.attempt_started_at END,
            uncertain_at = CASE WHEN m.attempt_started_at IS NOT NULL THEN coalesce(m.uncertain_at, $4) END
        FROM (
            SELECT u.id, u.created,
                   CASE WHEN c.blocked_at IS NOT NULL THEN 'blocked'
                        WHEN u.campaign AND c.consent = 'opted_out' THEN 'opted_out' END AS bar
            FROM unnest($2::uuid[], $3::timestamptz[], $5::bool[]) AS u(id, created, campaign)
            JOIN channel_messages x ON x.id = u.id AND x.created_at = u.created
            LEFT JOIN channel_contacts c ON c.organization_id = x.organization_id AND c.id = x.contact_id
        ) k
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1
          AND m.direction = 'outbound' AND m.status = 'queued'
        RETURNING m.id, m.attempts, old.attempt_started_at IS NOT NULL AS "started!", m.payload->'parts' AS parts,
                  k.bar AS "bar?"
        "#,
        scope.org().uuid(),
        &keys,
        &created,
        now,
        &campaign,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let claimed: HashMap<Uuid, Claim> = rows
        .into_iter()
        .map(|row| {
            let attempt = u32::try_from(row.attempts).unwrap_or(1);
            // A list of ids that we wrote ourselves; anything else in its place means that nothing was taken.
            let taken = row.parts.and_then(|parts| serde_json::from_value(parts).ok()).unwrap_or_default();
            let claim = match row.bar.as_deref() {
                _ if row.started => Claim::Uncertain,
                Some("opted_out") => Claim::Barred(Bar::OptedOut),
                Some(_) => Claim::Barred(Bar::Blocked),
                None => Claim::Granted { attempt, taken },
            };
            (row.id, claim)
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
    /// What the provider told of the contact with it.
    pub contact: Option<Bar>,
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
    Failed {
        /// Why.
        failure: Failure,
        /// The provider's ids of the parts that got through before.
        taken: Vec<String>,
    },
    /// It is tried again at this instant.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Why it was not taken this time.
        failure: Failure,
        /// The provider's ids of the parts that got through so far.
        taken: Vec<String>,
        /// Whether this time counts as an attempt: to be told to wait does not.
        counts: bool,
    },
    /// Whether the provider took it is not known.
    Uncertain {
        /// What is known.
        failure: Failure,
        /// The provider's ids of the parts that got through before.
        taken: Vec<String>,
    },
}

impl Settled {
    /// The provider's ids of the parts that it took, in order.
    pub fn taken(&self) -> &[String] {
        match self {
            Self::Sent { provider_ids } => provider_ids,
            Self::Failed { taken, .. } | Self::Retry { taken, .. } | Self::Uncertain { taken, .. } => taken,
        }
    }
}

/// Writes how attempts ended. A report of a part may have moved a message on meanwhile: one whose other parts are not sent
/// yet goes back.
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
    let mut uncounted: Vec<bool> = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        ids.push(outcome.id.uuid());
        created.push(outcome.id.created_at());
        let (result, at, failure, counts) = match &outcome.result {
            Settled::Sent { .. } => ("sent", outcome.at, None, true),
            Settled::Failed { failure, .. } => ("failed", outcome.at, Some(failure), true),
            Settled::Retry { at, failure, counts, .. } => ("retry", *at, Some(failure), *counts),
            Settled::Uncertain { failure, .. } => ("uncertain", outcome.at, Some(failure), true),
        };
        results.push(result);
        let taken = outcome.result.taken();
        let unfinished = result != "sent" && !taken.is_empty();
        // Some networks take a part without naming it.
        first_ids.push(taken.iter().find(|id| !id.is_empty()).map(String::as_str));
        parts.push((unfinished || taken.len() > 1).then(|| serde_json::json!(taken)));
        times.push(at);
        uncounted.push(!counts);
        codes.push(failure.map(|failure| failure.code.as_str()));
        reasons.push(failure.map(|failure| failure.message.as_str()));
    }
    sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            status = CASE WHEN k.result IN ('sent', 'failed') THEN k.result
                          WHEN k.parts IS NOT NULL THEN 'queued' ELSE m.status END,
            attempts = CASE WHEN k.uncounted THEN greatest(m.attempts - 1, 0) ELSE m.attempts END,
            provider_message_id = coalesce(left(k.provider_id, 255), m.provider_message_id),
            payload = CASE WHEN k.parts IS NULL THEN m.payload
                           ELSE m.payload || jsonb_build_object('parts', k.parts) END,
            attempt_started_at = CASE WHEN k.result = 'retry' THEN NULL ELSE m.attempt_started_at END,
            next_attempt_at = CASE WHEN k.result = 'retry' THEN k.at ELSE m.next_attempt_at END,
            uncertain_at = CASE WHEN k.result = 'uncertain' THEN k.at END,
            -- A failure that was reported before the answer to our own call stays, and so does its reason.
            error_code = CASE WHEN k.result <> 'sent' THEN left(k.code, 64)
                              WHEN m.status = 'failed' THEN m.error_code END,
            error_message = CASE WHEN k.result <> 'sent' THEN left(k.reason, 1000)
                                 WHEN m.status = 'failed' THEN m.error_message END
        FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[],
                    $8::text[], $9::text[], $10::bool[])
             AS k(id, created, result, provider_id, parts, at, code, reason, uncounted)
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
        &uncounted,
    )
    .execute(&mut *tx.inner)
    .await?;
    tell_contacts(tx, scope, outcomes).await
}

/// Notes at contacts what providers told of them: that they blocked the account, or want no campaigns.
async fn tell_contacts(tx: &mut Tx, scope: &OrgScope, outcomes: &[Outcome]) -> Result<(), Error> {
    let told: Vec<(&Outcome, Bar)> =
        outcomes.iter().filter_map(|outcome| Some((outcome, outcome.contact?))).collect();
    if told.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = told.iter().map(|(outcome, _)| outcome.id.uuid()).collect();
    let created: Vec<DateTime<Utc>> = told.iter().map(|(outcome, _)| outcome.id.created_at()).collect();
    let blocked: Vec<bool> = told.iter().map(|(_, bar)| *bar == Bar::Blocked).collect();
    let times: Vec<DateTime<Utc>> = told.iter().map(|(outcome, _)| outcome.at).collect();
    sqlx::query!(
        r#"
        UPDATE channel_contacts c SET
            blocked_at = CASE WHEN k.blocked THEN coalesce(c.blocked_at, k.at) ELSE c.blocked_at END,
            blocked_by = CASE WHEN k.blocked THEN coalesce(c.blocked_by, 'them') ELSE c.blocked_by END,
            consent_at = CASE WHEN NOT k.blocked AND c.consent <> 'opted_out' THEN k.at ELSE c.consent_at END,
            consent = CASE WHEN k.blocked THEN c.consent ELSE 'opted_out' END
        FROM (
            SELECT DISTINCT ON (m.contact_id) m.contact_id, u.blocked, u.at
            FROM unnest($2::uuid[], $3::timestamptz[], $4::bool[], $5::timestamptz[]) AS u(id, created, blocked, at)
            JOIN channel_messages m ON m.id = u.id AND m.created_at = u.created AND m.organization_id = $1
            ORDER BY m.contact_id, u.blocked DESC
        ) k
        WHERE c.organization_id = $1 AND c.id = k.contact_id
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        &blocked,
        &times,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
