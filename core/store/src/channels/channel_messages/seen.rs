//! Messages that were seen because a later one was.

use botbuilder_domain::MessageId;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// How far back messages are looked for. Networks that report so let nobody write for longer after the contact did.
const BACK: TimeDelta = TimeDelta::days(30);

/// Notes as seen what the contact of a message was sent on the same channel before it, as far as the provider has taken
/// it. The answer is what has changed by that. What is still to be sent was not seen, and what failed stays so.
#[tracing::instrument(level = "debug", name = "store.channel_messages.read_before", skip_all)]
pub async fn read_before(
    tx: &mut Tx,
    scope: &OrgScope,
    message: MessageId,
    at: DateTime<Utc>,
) -> Result<Vec<MessageId>, Error> {
    let seen: Vec<Uuid> = sqlx::query_scalar!(
        r#"
        UPDATE channel_messages m SET status = 'read', read_at = coalesce(m.read_at, $4)
        FROM channel_messages named
        WHERE named.id = $2 AND named.created_at = $3 AND named.organization_id = $1
          AND m.organization_id = $1 AND m.direction = 'outbound' AND m.status IN ('sent', 'delivered')
          AND m.created_at <= $3 AND m.created_at > $5 AND m.id < $2
          AND m.conversation_id IN (SELECT c.id FROM conversations c
                                    WHERE c.organization_id = $1 AND c.contact_id = named.contact_id
                                      AND c.channel_id = named.channel_id)
        RETURNING m.id
        "#,
        scope.org().uuid(),
        message.uuid(),
        message.created_at(),
        at,
        message.created_at() - BACK,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(seen.into_iter().map(MessageId::new).collect())
}
