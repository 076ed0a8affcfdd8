//! Conversations that rest until an instant.

use botbuilder_domain::{BotId, ConversationId, OrgId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// The conversations whose rest is over, across organizations, longest over first. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.snoozes.due", skip_all)]
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<(OrgId, ConversationId)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id FROM conversations
        WHERE status = 'snoozed' AND snoozed_until <= $1 ORDER BY snoozed_until LIMIT $2
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.id.into())).collect())
}

/// A conversation that rests no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awake {
    /// The conversation.
    pub id: ConversationId,
    /// Its bot.
    pub bot: Option<BotId>,
}

/// Ends the rest of those of these conversations for which it is over.
#[tracing::instrument(level = "debug", name = "store.snoozes.wake", skip_all)]
pub async fn wake(
    tx: &mut Tx,
    scope: &OrgScope,
    ids: &[ConversationId],
    now: DateTime<Utc>,
) -> Result<Vec<Awake>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        UPDATE conversations SET status = 'open', snoozed_until = NULL
        WHERE organization_id = $1 AND id = ANY($2) AND status = 'snoozed' AND snoozed_until <= $3
        RETURNING id, bot_id
        "#,
        scope.org().uuid(),
        &ids,
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| Awake { id: row.id.into(), bot: row.bot_id.map(BotId::from) }).collect())
}
