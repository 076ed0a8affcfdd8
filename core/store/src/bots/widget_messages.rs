//! `widget_messages`: a visitor's numbered history.
//!
//! Numbers are 1, 2, 3, … without a gap for each visitor. A writer takes the visitor's lock and holds it until its
//! transaction ends, so that a number that can be read means that all before it can be, too.

use botbuilder_domain::{BotId, ChannelId, ConversationId, MessageId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A bot's frame to be added to a visitor's history.
#[derive(Debug, Clone)]
pub struct NewFrame {
    /// The frame's id.
    pub id: MessageId,
    /// The channel of the widget.
    pub channel: ChannelId,
    /// The conversation, whose history it joins.
    pub conversation: ConversationId,
    /// The visitor's address.
    pub visitor: String,
    /// The message it shows.
    pub message: MessageId,
    /// The text a person reads.
    pub text: Option<String>,
    /// What it holds.
    pub payload: Value,
}

/// A frame as it was added.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its number.
    pub seq: i64,
    /// Who it is of: `bot`, or `agent` where a person wrote it.
    pub role: String,
    /// What it holds, with the person as `author`.
    pub payload: Value,
}

/// What a visitor said, to be added to the history.
#[derive(Debug, Clone)]
pub struct NewSaying {
    /// The frame's id.
    pub id: MessageId,
    /// The bot that answers.
    pub bot: BotId,
    /// The visitor's address.
    pub visitor: String,
    /// The session; the same for all that the visitor says.
    pub session: Uuid,
    /// The visitor's own id of it, by which it counts once.
    pub client_msg_id: String,
    /// The word in `widget_messages.frame`: `text` or `click`.
    pub frame: &'static str,
    /// The text a person reads.
    pub text: Option<String>,
    /// What it holds.
    pub payload: Value,
}

/// Where a frame is in the history.
#[derive(Debug, Clone, Copy)]
pub struct Numbered {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// A frame of a visitor's history.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Frame {
    /// Its number.
    pub seq: i64,
    /// Who it is of: `visitor`, `bot`, `agent` or `system`.
    pub role: String,
    /// The visitor's own id, of what the visitor said.
    pub client_msg_id: Option<String>,
    /// What it holds.
    pub payload: Value,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// How far a visitor's history goes, and how far it was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks {
    /// The highest number; 0 if there is none.
    pub last: i64,
    /// The highest number of others' frames that was read; 0 if none was.
    pub read: i64,
}

async fn lock(tx: &mut Tx, visitor: &str) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", visitor)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Adds the frame of a bot or a person to a visitor's history under the next number, and returns it. A message that is
/// there already keeps its number and returns none.
#[tracing::instrument(level = "debug", name = "store.widget_messages.append", skip_all)]
pub async fn append(tx: &mut Tx, scope: &OrgScope, frame: &NewFrame) -> Result<Option<Shown>, Error> {
    lock(tx, &frame.visitor).await?;
    let shown = sqlx::query_as!(
        Shown,
        r#"
        WITH person AS (
            SELECT jsonb_strip_nulls(jsonb_build_object('name', u.name, 'avatar_url', u.avatar_url)) AS author
            FROM channel_messages m LEFT JOIN users u ON u.id = m.sender_id
            WHERE m.organization_id = $3 AND m.id = $8 AND m.created_at = $10 AND m.sender_type = 'agent'
        )
        INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, conversation_id,
                                     visitor_id, seq, role, frame, content, payload, message_id, status,
                                     delivered_at)
        SELECT $1, $2, $3, w.bot_id, $4, $4, $5,
               1 + coalesce((SELECT max(m.seq) FROM widget_messages m
                             WHERE m.organization_id = $3 AND m.visitor_id = $5), 0),
               CASE WHEN EXISTS (SELECT 1 FROM person) THEN 'agent' ELSE 'bot' END, 'text', left($6, 16000),
               $7::jsonb || coalesce((SELECT jsonb_build_object('author', author) FROM person), '{}'), $8, 'sent', NULL
        FROM widget_configs w
        WHERE w.organization_id = $3 AND w.channel_id = $9
          AND NOT EXISTS (SELECT 1 FROM widget_messages m
                          WHERE m.organization_id = $3 AND m.visitor_id = $5 AND m.message_id = $8)
        LIMIT 1
        RETURNING seq, role, payload
        "#,
        frame.id.uuid(),
        frame.id.created_at(),
        scope.org().uuid(),
        frame.conversation.uuid(),
        frame.visitor,
        frame.text,
        frame.payload,
        frame.message.uuid(),
        frame.channel.uuid(),
        frame.message.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(shown)
}

/// Adds what a visitor said under the next number. What is there already under the same `client_msg_id` keeps its
/// number; the flag says whether it is new.
#[tracing::instrument(level = "debug", name = "store.widget_messages.append_saying", skip_all)]
pub async fn append_saying(
    tx: &mut Tx,
    scope: &OrgScope,
    saying: &NewSaying,
) -> Result<(Numbered, bool), Error> {
    lock(tx, &saying.visitor).await?;
    let known = sqlx::query_as!(
        Numbered,
        r#"
        SELECT seq, created_at FROM widget_messages
        WHERE organization_id = $1 AND visitor_id = $2 AND client_msg_id = $3 LIMIT 1
        "#,
        scope.org().uuid(),
        saying.visitor,
        saying.client_msg_id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    if let Some(known) = known {
        return Ok((known, false));
    }
    let written = sqlx::query_as!(
        Numbered,
        r#"
        INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, visitor_id, seq, role,
                                     frame, content, payload, client_msg_id, status)
        VALUES ($1, $2, $3, $4, $5, $6,
                1 + coalesce((SELECT max(m.seq) FROM widget_messages m
                              WHERE m.organization_id = $3 AND m.visitor_id = $6), 0),
                'visitor', $7, left($8, 16000), $9, $10, 'received')
        RETURNING seq, created_at
        "#,
        saying.id.uuid(),
        saying.id.created_at(),
        scope.org().uuid(),
        saying.bot.uuid(),
        saying.session,
        saying.visitor,
        saying.frame,
        saying.text,
        saying.payload,
        saying.client_msg_id,
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    Ok((written, true))
}

/// A visitor's history after a number, oldest first.
#[tracing::instrument(level = "debug", name = "store.widget_messages.after", skip_all)]
pub async fn after(
    tx: &mut Tx,
    scope: &OrgScope,
    visitor: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Frame>, Error> {
    Ok(sqlx::query_as!(
        Frame,
        r#"
        SELECT seq, role, client_msg_id, payload, created_at FROM widget_messages
        WHERE organization_id = $1 AND visitor_id = $2 AND seq > $3 ORDER BY seq LIMIT $4
        "#,
        scope.org().uuid(),
        visitor,
        after,
        limit
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// The newest frames of a visitor's history before a number, oldest first.
#[tracing::instrument(level = "debug", name = "store.widget_messages.before", skip_all)]
pub async fn before(
    tx: &mut Tx,
    scope: &OrgScope,
    visitor: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Frame>, Error> {
    let mut frames = sqlx::query_as!(
        Frame,
        r#"
        SELECT seq, role, client_msg_id, payload, created_at FROM widget_messages
        WHERE organization_id = $1 AND visitor_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4
        "#,
        scope.org().uuid(),
        visitor,
        before,
        limit
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    frames.reverse();
    Ok(frames)
}

/// How far a visitor's history goes, and how far it was read.
#[tracing::instrument(level = "debug", name = "store.widget_messages.marks", skip_all)]
pub async fn marks(tx: &mut Tx, scope: &OrgScope, visitor: &str) -> Result<Marks, Error> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(max(seq), 0) AS "last!", coalesce(max(seq) FILTER (WHERE read_at IS NOT NULL), 0) AS "read!"
        FROM widget_messages WHERE organization_id = $1 AND visitor_id = $2
        "#,
        scope.org().uuid(),
        visitor
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    Ok(Marks { last: row.last, read: row.read })
}

/// Marks others' frames up to a number as delivered, or as read, and returns the messages whose state that changed.
#[tracing::instrument(level = "debug", name = "store.widget_messages.mark", skip_all)]
pub async fn mark(
    tx: &mut Tx,
    scope: &OrgScope,
    visitor: &str,
    up_to: i64,
    read: bool,
    now: DateTime<Utc>,
) -> Result<Vec<MessageId>, Error> {
    let rows = sqlx::query_scalar!(
        r#"
        UPDATE widget_messages
        SET delivered_at = coalesce(delivered_at, $5),
            read_at = CASE WHEN $4 THEN $5 ELSE read_at END,
            status = CASE WHEN $4 THEN 'read' ELSE 'delivered' END
        WHERE organization_id = $1 AND visitor_id = $2 AND seq <= $3 AND role <> 'visitor'
          AND read_at IS NULL AND ($4 OR delivered_at IS NULL)
        RETURNING message_id
        "#,
        scope.org().uuid(),
        visitor,
        up_to,
        read,
        now
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().flatten().map(MessageId::new).collect())
}

/// Keeps how a visitor rated the conversation: 1 to 5.
#[tracing::instrument(level = "debug", name = "store.widget_messages.rate", skip_all)]
pub async fn rate(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    visitor: &str,
    stars: i32,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE conversations SET csat = $4
        WHERE organization_id = $1 AND id = (
            SELECT c.id FROM conversations c
            JOIN channel_contacts k ON k.organization_id = c.organization_id AND k.id = c.contact_id
            WHERE c.organization_id = $1 AND c.channel_id = $2 AND k.external_id = $3
            ORDER BY c.last_message_at DESC NULLS LAST LIMIT 1)
        "#,
        scope.org().uuid(),
        channel.uuid(),
        visitor,
        stars
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
