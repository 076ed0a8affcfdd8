//! What comes back of our own messages.

use botbuilder_domain::{ConversationId, MessageId};

use crate::{Error, OrgScope, Tx};

/// A message of this text in a conversation, of the last hour, whose attempt has no known outcome: the oldest.
#[tracing::instrument(level = "debug", name = "store.channel_messages.unanswered", skip_all)]
pub async fn unanswered(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
    text: Option<&str>,
) -> Result<Option<MessageId>, Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT id FROM channel_messages
        WHERE organization_id = $1 AND conversation_id = $2 AND created_at > now() - interval '1 hour'
          AND direction = 'outbound' AND uncertain_at IS NOT NULL AND provider_message_id IS NULL
          AND text IS NOT DISTINCT FROM $3
        ORDER BY created_at, id LIMIT 1
        "#,
        scope.org().uuid(),
        conversation.uuid(),
        text,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(found.map(MessageId::new))
}
