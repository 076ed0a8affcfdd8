//! Messages outside the reply window that wait until their contact writes: rows of `outbox_events` that nobody publishes.
//! The turn over the contact's message makes ordinary ones of them again, before its own replies; so does the end of
//! their time, after which the dispatcher finds them expired.

use botbuilder_domain::{ConversationId, MessageId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    system::outbox_events::{self, Unpublished},
};

/// The type of such a record.
const HELD: &str = "message.held";

/// What is known of a conversation's contact when a message is about to leave.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Until when anything may be sent; none if the contact never wrote.
    pub window_until: Option<DateTime<Utc>>,
    /// When the contact wrote last.
    pub last_inbound_at: Option<DateTime<Utc>>,
    /// The name as it is shown.
    pub name: Option<String>,
    /// The name on the network.
    pub username: Option<String>,
    /// The language.
    pub locale: Option<String>,
    /// The telephone number in E.164, where the network told it.
    pub phone: Option<String>,
    /// What is kept with the contact, an object.
    pub attributes: Value,
    /// Whether the contact is blocked, or has blocked the account.
    pub blocked: bool,
    /// Whether the contact wants no campaigns.
    pub opted_out: bool,
}

/// How the contact of a conversation can be reached. The contact is held until the end of the transaction, so that a
/// turn over a message of theirs comes before it or after it.
#[tracing::instrument(level = "debug", name = "store.held_messages.reach", skip_all)]
pub async fn reach(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
) -> Result<Option<Reach>, Error> {
    Ok(sqlx::query_as!(
        Reach,
        r#"
        SELECT c.window_until, c.last_inbound_at, c.display_name AS name, c.username, c.locale,
               c.phone, c.attributes AS "attributes!", c.blocked_at IS NOT NULL AS "blocked!",
               c.consent = 'opted_out' AS "opted_out!"
        FROM conversations v
        JOIN channel_contacts c ON c.organization_id = v.organization_id AND c.id = v.contact_id
        WHERE v.organization_id = $1 AND v.id = $2
        FOR SHARE OF c
        "#,
        scope.org().uuid(),
        conversation.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Notes that the window of a conversation's contact is closed, as the provider says.
#[tracing::instrument(level = "debug", name = "store.held_messages.close_window", skip_all)]
pub async fn close_window(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_contacts c SET window_until = $3
        FROM conversations v
        WHERE v.organization_id = $1 AND v.id = $2 AND c.organization_id = $1 AND c.id = v.contact_id
          AND c.window_until > $3
        "#,
        scope.org().uuid(),
        conversation.uuid(),
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A message to be held.
#[derive(Debug, Clone)]
pub struct New {
    /// The record's id.
    pub id: Uuid,
    /// The message.
    pub message: MessageId,
    /// The topic it goes to.
    pub topic: &'static str,
    /// Its conversation's key on the topic.
    pub key: String,
    /// The record.
    pub payload: Value,
    /// Until when.
    pub until: DateTime<Utc>,
    /// What is shown of it meanwhile.
    pub reason: &'static str,
}

/// Holds a message, if it waits for its first attempt or the next. False if it does not: then there is something else to
/// be done about it.
#[tracing::instrument(level = "debug", name = "store.held_messages.hold", skip_all)]
pub async fn hold(tx: &mut Tx, scope: &OrgScope, new: New) -> Result<bool, Error> {
    let waiting = sqlx::query!(
        r#"
        UPDATE channel_messages SET next_attempt_at = $4, expires_at = $4, error_code = 'held', error_message = $5
        WHERE organization_id = $1 AND id = $2 AND created_at = $3 AND direction = 'outbound'
          AND status = 'queued' AND attempt_started_at IS NULL
        "#,
        scope.org().uuid(),
        new.message.uuid(),
        new.message.created_at(),
        new.until,
        new.reason,
    )
    .execute(&mut *tx.inner)
    .await?;
    if waiting.rows_affected() == 0 {
        return Ok(false);
    }
    let row = outbox_events::New {
        id: new.id,
        topic: new.topic,
        partition_key: new.key,
        event_type: HELD,
        entity: Some(new.message.uuid()),
        payload: new.payload,
        available_at: new.until,
    };
    outbox_events::insert_many(tx, scope, &[row]).await?;
    Ok(true)
}

/// A conversation whose contact wrote.
#[derive(Debug, Clone)]
pub struct Heard {
    /// A key under which messages to the contact may be held.
    pub held_under: String,
    /// The key under which replies go out now.
    pub key: String,
}

/// A message that is held no longer.
#[derive(Debug, Clone)]
pub struct Released {
    /// The message.
    pub message: MessageId,
    /// Its record.
    pub record: Unpublished,
}

/// Takes up what is held for contacts that wrote, in the order in which it was held. The records go where the replies to
/// the contact's message go, so that they stay before them. What has waited for as long as it may stays: [`give_up`]
/// ends it.
#[tracing::instrument(level = "debug", name = "store.held_messages.release", skip_all)]
pub async fn release(
    tx: &mut Tx,
    scope: &OrgScope,
    heard: &[Heard],
    now: DateTime<Utc>,
) -> Result<Vec<Released>, Error> {
    let under: Vec<&str> = heard.iter().map(|heard| heard.held_under.as_str()).collect();
    let keys: Vec<&str> = heard.iter().map(|heard| heard.key.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        UPDATE outbox_events o
        SET event_type = 'message.send', available_at = $4, partition_key = k.key,
            payload = jsonb_set(o.payload #- '{body,what,held_until}', '{key}', to_jsonb(k.key))
        FROM unnest($2::text[], $3::text[]) AS k(under, key)
        WHERE o.organization_id = $1 AND o.published_at IS NULL AND o.event_type = 'message.held'
          AND o.partition_key = k.under AND o.available_at > $4
        RETURNING o.position, o.entity_id AS "message!", o.topic, o.partition_key, o.payload
        "#,
        scope.org().uuid(),
        &under as &[&str],
        &keys as &[&str],
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut released: Vec<Released> = rows
        .into_iter()
        .map(|row| Released {
            message: row.message.into(),
            record: Unpublished {
                position: row.position,
                topic: row.topic,
                partition_key: row.partition_key,
                payload: row.payload,
            },
        })
        .collect();
    released.sort_unstable_by_key(|released| released.record.position);
    Ok(released)
}

/// Ends the wait of what was held for long enough: it is published like anything else, and found to be expired. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.held_messages.give_up", skip_all)]
pub async fn give_up(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE outbox_events SET event_type = 'message.send'
        WHERE published_at IS NULL AND event_type = 'message.held' AND available_at <= $1
        "#,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
