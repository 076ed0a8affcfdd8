//! Attempts of whose outcome nothing was ever heard.

use botbuilder_domain::{ChannelId, ConversationId, MessageId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// The code and the reason of a message that was given up.
pub const UNHEARD: (&str, &str) = ("uncertain", "no report came about an attempt without an outcome");

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its channel.
    pub channel: ChannelId,
    /// The attempt.
    pub attempt: u32,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

/// Gives up those of these messages that have been uncertain since before this instant: they count as failed. One of which
/// a report has come meanwhile is none of them.
#[tracing::instrument(level = "debug", name = "store.channel_messages.give_up_uncertain", skip_all)]
pub async fn give_up_uncertain(
    tx: &mut Tx,
    scope: &OrgScope,
    ids: &[MessageId],
    before: DateTime<Utc>,
) -> Result<Vec<GivenUp>, Error> {
    let (keys, created): (Vec<Uuid>, Vec<DateTime<Utc>>) =
        ids.iter().map(|id| (id.uuid(), id.created_at())).unzip();
    let rows = sqlx::query!(
        r#"
        UPDATE channel_messages m SET status = 'failed', error_code = $5, error_message = $6
        FROM unnest($2::uuid[], $3::timestamptz[]) AS k(id, created)
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1
          AND m.status = 'queued' AND m.uncertain_at < $4
        RETURNING m.id, m.conversation_id, m.channel_id, m.attempts, m.trace_id
        "#,
        scope.org().uuid(),
        &keys,
        &created,
        before,
        UNHEARD.0,
        UNHEARD.1,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let given_up = rows.into_iter().map(|row| GivenUp {
        id: row.id.into(),
        conversation: row.conversation_id.into(),
        channel: row.channel_id.into(),
        attempt: u32::try_from(row.attempts).unwrap_or_default(),
        trace_id: row.trace_id,
    });
    Ok(given_up.collect())
}
