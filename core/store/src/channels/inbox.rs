//! What operators do with contacts, conversations and messages, where it is more than the change of a row.

use botbuilder_domain::{ContactId, ConversationId, MessageId};
use serde_json::Value;
use uuid::Uuid;

use super::forgetting;
use crate::{Error, OrgScope, Tx, flows::conversation_turns};

/// Notes that a queued message was written by a person.
#[tracing::instrument(level = "debug", name = "store.inbox.by_person", skip_all)]
pub async fn by_person(
    tx: &mut Tx,
    scope: &OrgScope,
    id: MessageId,
    user: Option<Uuid>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_messages SET sender_type = 'agent', sender_id = $4
        WHERE organization_id = $1 AND id = $2 AND created_at = $3
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        user,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a person wrote in a conversation: from now on the bot is silent in it, and the contact is waited for.
#[tracing::instrument(level = "debug", name = "store.inbox.answered", skip_all)]
pub async fn answered(tx: &mut Tx, scope: &OrgScope, id: ConversationId) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE conversations
        SET mode = 'human', status = CASE WHEN status = 'closed' THEN status ELSE 'pending' END, snoozed_until = NULL,
            last_message_at = now(), last_outbound_at = now(), message_count = message_count + 1, unread_count = 0,
            first_response_seconds = coalesce(first_response_seconds,
                greatest(extract(epoch FROM now() - created_at)::integer, 0))
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Takes text and content out of a message; that it was there, and when, stays.
#[tracing::instrument(level = "debug", name = "store.inbox.redact", skip_all)]
pub async fn redact(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE channel_messages
        SET text = NULL, payload = '{}', media = '[]', redacted_at = coalesce(redacted_at, now())
        WHERE organization_id = $1 AND id = $2 AND created_at = $3
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .execute(&mut *tx.inner)
    .await?;
    forgetting::message(tx, scope, id).await?;
    // What the message said may stand in any later step of its conversation.
    conversation_turns::forget_message(tx, scope, id).await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a person out of a contact and of every message of theirs, and marks the contact deleted. Counters stay. The
/// answer is how many messages were emptied; none where there is no such contact.
#[tracing::instrument(level = "debug", name = "store.inbox.erase", skip_all)]
pub async fn erase(tx: &mut Tx, scope: &OrgScope, id: ContactId) -> Result<Option<u64>, Error> {
    forgetting::contact(tx, scope, id).await?;
    let erased = sqlx::query!(
        r#"
        UPDATE channel_contacts
        SET external_id = 'erased:' || id, alt_external_id = NULL, display_name = NULL, username = NULL, phone = NULL,
            email = NULL, avatar_url = NULL, locale = NULL, timezone = NULL, tags = '{}', attributes = '{}',
            customer_ref = NULL, deleted_at = now()
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    if erased.rows_affected() == 0 {
        return Ok(None);
    }
    sqlx::query!(
        "DELETE FROM channel_contact_addresses WHERE organization_id = $1 AND contact_id = $2",
        scope.org().uuid(),
        id.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    let messages = sqlx::query!(
        r#"
        UPDATE channel_messages
        SET text = NULL, payload = '{}', media = '[]', redacted_at = coalesce(redacted_at, now())
        WHERE organization_id = $1 AND contact_id = $2
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE conversations
        -- A turn that was loaded before does not bring any of it back.
        SET runtime_state = '{}', state_version = state_version + 1, recorded_version = NULL, next_timer_at = NULL
        WHERE organization_id = $1 AND contact_id = $2
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    conversation_turns::forget_contact(tx, scope, id).await?;
    Ok(Some(messages.rows_affected()))
}

/// Contacts by likeness of their names and by their addresses, last seen first. `after` is the last one of the piece
/// before.
#[tracing::instrument(level = "debug", name = "store.inbox.search_contacts", skip_all)]
pub async fn search_contacts(
    tx: &mut Tx,
    query: &str,
    tags: &[String],
    after: Option<Uuid>,
    fetch: i32,
) -> Result<Vec<(Uuid, Value)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT s.id AS "id!", to_jsonb(s) AS "row!" FROM app.search_contacts($1, $2, $3, $4) s"#,
        query,
        tags,
        after,
        fetch,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.row)).collect())
}

/// Messages by their words, newest first. `after` is the last one of the piece before.
#[tracing::instrument(level = "debug", name = "store.inbox.search_messages", skip_all)]
pub async fn search_messages(
    tx: &mut Tx,
    query: &str,
    filter: &Value,
    after: Option<Uuid>,
    fetch: i32,
) -> Result<Vec<(Uuid, Value)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT s.id AS "id!", to_jsonb(s) AS "row!" FROM app.search_messages($1, $2, $3, $4) s"#,
        query,
        filter,
        after,
        fetch,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.row)).collect())
}
