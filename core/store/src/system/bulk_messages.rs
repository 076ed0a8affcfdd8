//! Messages that were sent together and take their turns: rows of `outbox_events` that become available one after
//! the other, at the rate of their account. They have an index of their own, so that a hundred thousand of them are
//! nothing to whoever publishes replies.

use botbuilder_domain::ChannelId;
use chrono::{DateTime, Utc};

use crate::{Error, OrgScope, Tx, system::outbox_events::Unpublished};

/// The type of such a record.
pub const EVENT: &str = "message.bulk";

/// The last turn that was given to a message of this channel; none if none waits. The channel is held
/// until the end of the transaction, so that two calls at once take their turns one after the other.
#[tracing::instrument(level = "debug", name = "store.bulk_messages.last_turn", skip_all)]
pub async fn last_turn(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
) -> Result<Option<DateTime<Utc>>, Error> {
    sqlx::query!(
        "SELECT id FROM channels WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        scope.org().uuid(),
        channel.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let last = sqlx::query_scalar!(
        r#"
        SELECT max(available_at) FROM outbox_events
        WHERE published_at IS NULL AND event_type = 'message.bulk'
          AND split_part(partition_key, ':', 1) = $2 AND organization_id = $1
        "#,
        scope.org().uuid(),
        channel.to_string(),
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    Ok(last)
}

/// Records whose turn has come, earliest first. Whoever else asks at the same time gets others, until this transaction
/// is over. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.bulk_messages.due", skip_all)]
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Unpublished>, Error> {
    let rows = sqlx::query_as!(
        Unpublished,
        r#"
        SELECT position, topic, partition_key, payload FROM outbox_events
        WHERE published_at IS NULL AND event_type = 'message.bulk' AND available_at <= $1
        ORDER BY available_at, position LIMIT $2 FOR UPDATE SKIP LOCKED
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows)
}
