//! Messages to many contacts of one channel at once: who they are, where they are talked to, and how far the sending is.

use botbuilder_domain::{BotId, ChannelId, ContactId, ConversationId, MessageId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// Whom a message is for.
#[derive(Debug, Clone)]
pub enum To {
    /// A contact that is known.
    Contact(Uuid),
    /// An address on the channel.
    Address {
        /// As a new contact is kept.
        address: String,
        /// Other spellings of it, under which a contact may be known from before.
        alternatives: Vec<String>,
    },
}

/// A contact, and its open conversation on the channel.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The contact.
    pub contact: ContactId,
    /// The address.
    pub address: String,
    /// Whether messages of this kind are refused by the contact.
    pub opted_out: bool,
    /// Whether the contact blocked the account, or was blocked.
    pub blocked: bool,
    /// Until when anything may be sent that is no template.
    pub window_until: Option<DateTime<Utc>>,
    /// The open conversation.
    pub conversation: Option<ConversationId>,
}

/// Finds recipients; the answers are in the order of the questions.
#[tracing::instrument(level = "debug", name = "store.batches.recipients", skip_all)]
pub async fn recipients(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    to: &[To],
) -> Result<Vec<Option<Recipient>>, Error> {
    // A row for each address that is asked for.
    let (mut places, mut contacts, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for (place, to) in to.iter().enumerate() {
        let mut ask = |contact: Option<Uuid>, address: Option<&str>| {
            places.push(place);
            contacts.push(contact);
            addresses.push(address.map(str::to_owned));
        };
        match to {
            To::Contact(id) => ask(Some(*id), None),
            To::Address { address, alternatives } => {
                [address].into_iter().chain(alternatives).for_each(|address| ask(None, Some(address)));
            }
        }
    }
    let rows = sqlx::query!(
        r#"
        SELECT k.ord AS "ord!", c.id AS "contact!", c.external_id AS "external_id!", c.consent AS "consent!",
               c.blocked_at IS NOT NULL AS "blocked!", c.window_until, v.id AS "conversation?"
        FROM unnest($3::uuid[], $4::text[]) WITH ORDINALITY AS k(contact, address, ord)
        CROSS JOIN LATERAL (
            SELECT c.id, c.external_id, c.consent, c.blocked_at, c.window_until FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.id = k.contact AND c.deleted_at IS NULL
            UNION ALL
            SELECT c.id, c.external_id, c.consent, c.blocked_at, c.window_until FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.external_id = k.address AND c.deleted_at IS NULL
            UNION ALL
            SELECT c.id, c.external_id, c.consent, c.blocked_at, c.window_until FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.alt_external_id = k.address
              AND c.deleted_at IS NULL
            UNION ALL
            SELECT c.id, c.external_id, c.consent, c.blocked_at, c.window_until
            FROM channel_contact_addresses a
            JOIN channel_contacts c ON c.organization_id = $1 AND c.id = a.contact_id AND c.deleted_at IS NULL
            WHERE a.organization_id = $1 AND a.channel_id = $2 AND a.external_id = k.address
            LIMIT 1
        ) c
        LEFT JOIN conversations v ON v.organization_id = $1 AND v.channel_id = $2 AND v.contact_id = c.id
             AND v.thread_ref = '' AND v.status <> 'closed'
        ORDER BY k.ord
        "#,
        scope.org().uuid(),
        channel.uuid(),
        &contacts as &[Option<Uuid>],
        &addresses as &[Option<String>],
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut found: Vec<Option<Recipient>> = vec![None; to.len()];
    for row in rows {
        let place = usize::try_from(row.ord - 1).ok().and_then(|index| places.get(index));
        // The first of the spellings that is known decides.
        if let Some(place @ None) = place.and_then(|place| found.get_mut(*place)) {
            *place = Some(Recipient {
                contact: row.contact.into(),
                address: row.external_id,
                opted_out: row.consent == "opted_out",
                blocked: row.blocked,
                window_until: row.window_until,
                conversation: row.conversation.map(ConversationId::from),
            });
        }
    }
    Ok(found)
}

/// Writes contacts that are known by their address alone. One that is there already stays as it is.
#[tracing::instrument(level = "debug", name = "store.batches.add_contacts", skip_all)]
pub async fn add_contacts(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    new: &[(Uuid, &str)],
) -> Result<(), Error> {
    let (ids, addresses): (Vec<Uuid>, Vec<&str>) = new.iter().copied().unzip();
    sqlx::query!(
        r#"
        INSERT INTO channel_contacts (organization_id, id, channel_id, external_id)
        SELECT $1, k.id, $2, k.address FROM unnest($3::uuid[], $4::text[]) AS k(id, address)
        ON CONFLICT DO NOTHING
        "#,
        scope.org().uuid(),
        channel.uuid(),
        &ids,
        &addresses as &[&str],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Opens conversations with contacts that have none. One that somebody else opens at the same time stays as it is.
#[tracing::instrument(level = "debug", name = "store.batches.open_conversations", skip_all)]
pub async fn open_conversations(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    bot: Option<BotId>,
    new: &[(Uuid, ContactId)],
) -> Result<(), Error> {
    let (ids, contacts): (Vec<Uuid>, Vec<Uuid>) =
        new.iter().map(|(id, contact)| (*id, contact.uuid())).unzip();
    sqlx::query!(
        r#"
        INSERT INTO conversations (organization_id, id, channel_id, contact_id, bot_id)
        SELECT $1, k.id, $2, k.contact, $3 FROM unnest($4::uuid[], $5::uuid[]) AS k(id, contact)
        ON CONFLICT DO NOTHING
        "#,
        scope.org().uuid(),
        channel.uuid(),
        bot.map(BotId::uuid),
        &ids,
        &contacts,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Counts a message that goes out in each of these conversations, in the order of their ids, so that two batches never
/// wait for each other in a circle.
#[tracing::instrument(level = "debug", name = "store.batches.count", skip_all)]
pub async fn count(
    tx: &mut Tx,
    scope: &OrgScope,
    conversations: &[ConversationId],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = conversations.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        r#"
        WITH k AS (
            SELECT id, count(*)::int AS messages FROM unnest($2::uuid[]) AS u(id) GROUP BY id ORDER BY id
        )
        UPDATE conversations v
        SET message_count = v.message_count + k.messages, last_message_at = $3, last_outbound_at = $3
        FROM k WHERE v.organization_id = $1 AND v.id = k.id
        "#,
        scope.org().uuid(),
        &ids,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// How many messages of a batch are in a state.
#[derive(Debug, Clone)]
pub struct Share {
    /// The state: `queued`, `sent`, `delivered`, `read`, `failed`; `uncertain` where an attempt has no outcome.
    pub status: String,
    /// How many.
    pub messages: i64,
}

/// How far a batch is. Its messages carry its id as their trace, and were written within a moment after it.
#[tracing::instrument(level = "debug", name = "store.batches.shares", skip_all)]
pub async fn shares(
    tx: &mut Tx,
    scope: &OrgScope,
    batch: MessageId,
    within: TimeDelta,
) -> Result<Vec<Share>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT CASE WHEN uncertain_at IS NOT NULL AND status = 'queued' THEN 'uncertain' ELSE status END AS "status!",
               count(*) AS "messages!"
        FROM channel_messages
        WHERE organization_id = $1 AND trace_id = $2 AND created_at >= $3 AND created_at < $4
          AND direction = 'outbound'
        GROUP BY 1 ORDER BY 1
        "#,
        scope.org().uuid(),
        batch.uuid().simple().to_string(),
        batch.created_at(),
        batch.created_at() + within,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| Share { status: row.status, messages: row.messages }).collect())
}

/// A message that is to be sent once more.
#[derive(Debug, Clone)]
pub struct Again {
    /// The conversation.
    pub conversation: ConversationId,
    /// What it holds.
    pub payload: serde_json::Value,
    /// Its trace.
    pub trace_id: Option<String>,
    /// Whether a person wrote it.
    pub by_person: bool,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

/// Puts a message that failed, or whose outcome is not known, back to the state before its first attempt. Parts that the
/// provider took stay taken, unless it had taken all of them: then it is the provider that failed, and all go again. None
/// if there is no such message in such a state.
#[tracing::instrument(level = "debug", name = "store.batches.queue_again", skip_all)]
pub async fn queue_again(
    tx: &mut Tx,
    scope: &OrgScope,
    id: MessageId,
    uncertain_too: bool,
    not_after: DateTime<Utc>,
) -> Result<Option<Again>, Error> {
    let row = sqlx::query!(
        r#"
        UPDATE channel_messages
        SET status = 'queued', attempts = 0, attempt_started_at = NULL, uncertain_at = NULL, error_code = NULL,
            error_message = NULL, next_attempt_at = now(), expires_at = $4, sent_at = NULL,
            payload = CASE WHEN sent_at IS NULL THEN payload ELSE payload - 'parts' END
        WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND direction = 'outbound'
          AND redacted_at IS NULL
          AND (status = 'failed' OR ($5 AND status = 'queued' AND uncertain_at IS NOT NULL))
        RETURNING conversation_id, payload, trace_id, sender_type = 'agent' AS "by_person!", reply_to_id
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        not_after,
        uncertain_too,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Again {
        conversation: row.conversation_id.into(),
        payload: row.payload,
        trace_id: row.trace_id,
        by_person: row.by_person,
        reply_to: row.reply_to_id.map(MessageId::new),
    }))
}

/// The address by which a message could be answered for a while ([`botbuilder_domain::Send::reply_via`]), as the record says
/// with which it was sent since this instant.
#[tracing::instrument(level = "debug", name = "store.batches.reply_via", skip_all)]
pub async fn reply_via(
    tx: &mut Tx,
    scope: &OrgScope,
    id: MessageId,
    since: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT payload #>> '{body,what,reply_via}' FROM outbox_events
        WHERE organization_id = $1 AND entity_id = $2 AND topic = 'outbound' AND published_at > $3
        ORDER BY position DESC LIMIT 1
        "#,
        scope.org().uuid(),
        id.uuid(),
        since,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(found.flatten())
}
