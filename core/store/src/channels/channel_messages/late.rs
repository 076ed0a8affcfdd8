//! Messages that a provider took and refused later, because the reply window turned out to be closed.

use botbuilder_domain::{BotId, ConversationId, MessageId};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// How long after the end of its time such a message is still taken up, and how long it is tried at least: reports come a
/// little later than what they speak of.
const GRACE: TimeDelta = TimeDelta::minutes(10);

/// A message that is in the queue again.
#[derive(Debug, Clone)]
pub struct TakenUp {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// What it holds.
    pub payload: Value,
    /// Its trace.
    pub trace_id: Option<String>,
    /// Whether a person wrote it.
    pub by_person: bool,
    /// Whether it may belong to a campaign: neither a person wrote it nor a flow.
    pub campaign: bool,
    /// The provider's id of the message that it answers.
    pub reply_to: Option<String>,
    /// The bot that wrote it.
    pub bot: Option<BotId>,
    /// After this instant it is not sent.
    pub not_after: DateTime<Utc>,
}

/// Puts those of these messages back to the state before their first attempt whose channel does something else outside the
/// reply window than to refuse. Each is taken up once; the ids under which the provider took it are kept, so that what is
/// still reported of those says nothing of the message any more.
#[tracing::instrument(level = "debug", name = "store.channel_messages.take_up_refused", skip_all)]
pub async fn take_up_refused(
    tx: &mut Tx,
    scope: &OrgScope,
    refused: &[MessageId],
    now: DateTime<Utc>,
) -> Result<Vec<TakenUp>, Error> {
    let (ids, created): (Vec<Uuid>, Vec<DateTime<Utc>>) =
        refused.iter().map(|id| (id.uuid(), id.created_at())).unzip();
    let rows = sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            status = 'queued', attempts = 0, attempt_started_at = NULL, uncertain_at = NULL, error_code = NULL,
            error_message = NULL, next_attempt_at = $4, expires_at = greatest(m.expires_at, $5), sent_at = NULL,
            provider_message_id = NULL,
            payload = (m.payload - 'parts') || jsonb_build_object(
                'refused', coalesce(m.payload -> 'parts', jsonb_build_array(m.provider_message_id)))
        FROM unnest($2::uuid[], $3::timestamptz[]) AS k(id, created), channels h
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1 AND m.direction = 'outbound'
          AND m.status = 'failed' AND m.error_code = 'window_closed' AND m.redacted_at IS NULL
          AND m.provider_message_id IS NOT NULL AND m.expires_at > $6 AND NOT m.payload ? 'refused'
          AND h.organization_id = $1 AND h.id = m.channel_id
          AND coalesce(h.settings #>> '{outside_window,policy}', h.settings ->> 'outside_window', 'refuse') <> 'refuse'
        RETURNING m.id, m.conversation_id, m.payload, m.trace_id, m.bot_id, m.expires_at AS "expires_at!",
                  m.sender_type = 'agent' AS "by_person!",
                  m.sender_type = 'bot' AND m.flow_version_id IS NULL AS "campaign!",
                  (SELECT a.provider_message_id FROM channel_messages a
                   WHERE a.organization_id = $1 AND a.id = m.reply_to_id AND a.created_at = m.reply_to_created_at)
                      AS reply_to
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        now,
        now + GRACE,
        now - GRACE,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let taken_up = rows.into_iter().map(|row| TakenUp {
        id: row.id.into(),
        conversation: row.conversation_id.into(),
        payload: row.payload,
        trace_id: row.trace_id,
        by_person: row.by_person,
        campaign: row.campaign,
        reply_to: row.reply_to,
        bot: row.bot_id.map(BotId::from),
        not_after: row.expires_at,
    });
    Ok(taken_up.collect())
}

/// Whether an attempt to send a message was begun of which nothing is known yet.
#[tracing::instrument(level = "debug", name = "store.channel_messages.is_on_its_way", skip_all)]
pub async fn is_on_its_way(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<bool, Error> {
    let on_its_way = sqlx::query_scalar!(
        r#"
        SELECT attempt_started_at IS NOT NULL AND uncertain_at IS NULL AS "on_its_way!" FROM channel_messages
        WHERE id = $2 AND created_at = $3 AND organization_id = $1 AND status = 'queued'
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(on_its_way.unwrap_or_default())
}
