//! `conversation_turns`: the steps of conversations with everything that came in from outside, to be made again.

use botbuilder_domain::{BotId, ContactId, ConversationId, Id, MessageId, VersionId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A step that was made.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id, of the instant at which it is written.
    pub id: Uuid,
    /// The conversation.
    pub conversation: ConversationId,
    /// The version of the flow that made it.
    pub version: VersionId,
    /// The digest of what it depended on besides.
    pub circumstances: [u8; 32],
    /// The state that it left, by its number.
    pub number: i32,
    /// What it was told the time is.
    pub at: DateTime<Utc>,
    /// What came in.
    pub input: Value,
    /// The session before it, unless it is what the step before left.
    pub before: Option<Value>,
    /// What came of it, in brief.
    pub digest: [u8; 32],
}

/// A recorded step.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The conversation.
    pub conversation: Uuid,
    /// The version of the flow that made it.
    pub version: Uuid,
    /// The digest of what it depended on besides.
    pub circumstances: Vec<u8>,
    /// The state that it left, by its number.
    pub number: i32,
    /// What it was told the time is.
    pub at: DateTime<Utc>,
    /// What came in.
    pub input: Value,
    /// The session before it, unless it is what the step before left.
    pub before: Option<Value>,
    /// What came of it, in brief.
    pub digest: Vec<u8>,
}

/// Writes steps.
#[tracing::instrument(level = "debug", name = "store.conversation_turns.insert_many", skip_all)]
pub async fn insert_many(tx: &mut Tx, scope: &OrgScope, turns: &[New]) -> Result<(), Error> {
    if turns.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = turns.iter().map(|turn| turn.id).collect();
    let created: Vec<DateTime<Utc>> = turns.iter().map(|turn| MessageId::new(turn.id).created_at()).collect();
    let conversations: Vec<Uuid> = turns.iter().map(|turn| turn.conversation.uuid()).collect();
    let versions: Vec<Uuid> = turns.iter().map(|turn| turn.version.uuid()).collect();
    let circumstances: Vec<&[u8]> = turns.iter().map(|turn| turn.circumstances.as_slice()).collect();
    let numbers: Vec<i32> = turns.iter().map(|turn| turn.number).collect();
    let times: Vec<DateTime<Utc>> = turns.iter().map(|turn| turn.at).collect();
    let inputs: Vec<&Value> = turns.iter().map(|turn| &turn.input).collect();
    let before: Vec<Option<&Value>> = turns.iter().map(|turn| turn.before.as_ref()).collect();
    let digests: Vec<&[u8]> = turns.iter().map(|turn| turn.digest.as_slice()).collect();
    sqlx::query!(
        r#"
        INSERT INTO conversation_turns
            (organization_id, id, created_at, conversation_id, version_id, circumstances_id, number, at, input, before,
             digest)
        SELECT $1, k.id, k.created, k.conversation, k.version, k.circumstances, k.number, k.at, k.input, k.before,
               k.digest
        FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::bytea[], $7::int[], $8::timestamptz[],
                    $9::jsonb[], $10::jsonb[], $11::bytea[])
             AS k(id, created, conversation, version, circumstances, number, at, input, before, digest)
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        &conversations,
        &versions,
        &circumstances as &[&[u8]],
        &numbers,
        &times,
        &inputs as &[&Value],
        &before as &[Option<&Value>],
        &digests as &[&[u8]],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The recorded steps of these conversations: by conversation, in their order.
#[tracing::instrument(level = "debug", name = "store.conversation_turns.of", skip_all)]
pub async fn of(
    tx: &mut Tx,
    scope: &OrgScope,
    conversations: &[ConversationId],
    most: i64,
) -> Result<Vec<Turn>, Error> {
    let ids: Vec<Uuid> = conversations.iter().map(|id| id.uuid()).collect();
    Ok(sqlx::query_as!(
        Turn,
        r#"
        SELECT conversation_id AS conversation, version_id AS version, circumstances_id AS circumstances, number, at,
               input, before, digest
        FROM conversation_turns WHERE organization_id = $1 AND conversation_id = ANY($2)
        ORDER BY conversation_id, number, id LIMIT $3
        "#,
        scope.org().uuid(),
        &ids,
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Conversations of a bot of which steps were recorded that a version of this flow made, talked in last first.
#[tracing::instrument(level = "debug", name = "store.conversation_turns.conversations", skip_all)]
pub async fn conversations(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    flow: Uuid,
    since: Option<DateTime<Utc>>,
    most: i64,
) -> Result<Vec<ConversationId>, Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT v.id FROM conversations v
        WHERE v.organization_id = $1 AND v.bot_id = $2 AND v.recorded_version IS NOT NULL
          AND ($4::timestamptz IS NULL OR v.last_message_at >= $4)
          AND EXISTS (
              SELECT 1 FROM conversation_turns t
              JOIN entity_versions e ON e.organization_id = $1 AND e.id = t.version_id
              WHERE t.organization_id = $1 AND t.conversation_id = v.id
                AND e.entity_type = 'bot_flow' AND e.entity_id = $3)
        ORDER BY v.last_message_at DESC NULLS LAST LIMIT $5
        "#,
        scope.org().uuid(),
        bot.uuid(),
        flow,
        since,
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(ids.into_iter().map(Id::from).collect())
}

/// Removes the records of a contact.
#[tracing::instrument(level = "debug", name = "store.conversation_turns.forget_contact", skip_all)]
pub async fn forget_contact(tx: &mut Tx, scope: &OrgScope, contact: ContactId) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        DELETE FROM conversation_turns WHERE organization_id = $1 AND conversation_id IN (
            SELECT id FROM conversations WHERE organization_id = $1 AND contact_id = $2)
        "#,
        scope.org().uuid(),
        contact.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Removes the records of the conversation that a message belongs to. The next step of it is recorded with its session.
#[tracing::instrument(level = "debug", name = "store.conversation_turns.forget_message", skip_all)]
pub async fn forget_message(tx: &mut Tx, scope: &OrgScope, message: MessageId) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        WITH meant AS (
            UPDATE conversations SET recorded_version = NULL
            WHERE organization_id = $1 AND id = (
                SELECT conversation_id FROM channel_messages
                WHERE organization_id = $1 AND id = $2 AND created_at = $3)
            RETURNING id
        )
        DELETE FROM conversation_turns WHERE organization_id = $1 AND conversation_id IN (SELECT id FROM meant)
        "#,
        scope.org().uuid(),
        message.uuid(),
        message.created_at(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
