//! `widget_configs` and `widget_messages`: the chat on a website and its numbered history.

use botbuilder_domain::{BotId, ChannelId, ConversationId, MessageId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// Writes the widget of a bot.
#[tracing::instrument(level = "debug", name = "store.widget_configs.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    bot: BotId,
    channel: ChannelId,
    public_key: &str,
    allowed_origins: &[String],
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO widget_configs (organization_id, id, bot_id, channel_id, public_key, allowed_origins)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        scope.org().uuid(),
        id,
        bot.uuid(),
        channel.uuid(),
        public_key,
        allowed_origins as &[String],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A widget, known by its public key.
#[derive(Debug, Clone)]
pub struct Widget {
    /// The tenant.
    pub org: OrgId,
    /// The bot that answers.
    pub bot: BotId,
    /// Its channel.
    pub channel: ChannelId,
    /// The sites that may show it; empty means this server's own pages only.
    pub allowed_origins: Vec<String>,
}

/// The tenant of a public key, if it names an enabled widget. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.widget_configs.lookup", skip_all)]
pub async fn lookup(tx: &mut Tx, public_key: &str) -> Result<Option<OrgId>, Error> {
    let row = sqlx::query!(r#"SELECT organization_id AS "org!" FROM app.lookup_widget($1)"#, public_key)
        .fetch_optional(&mut *tx.inner)
        .await?;
    Ok(row.map(|row| row.org.into()))
}

/// The enabled widget of that public key.
#[tracing::instrument(level = "debug", name = "store.widget_configs.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, public_key: &str) -> Result<Option<Widget>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT bot_id, channel_id AS "channel_id!", allowed_origins FROM widget_configs
        WHERE organization_id = $1 AND public_key = $2 AND is_enabled AND channel_id IS NOT NULL
        "#,
        scope.org().uuid(),
        public_key
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Widget {
        org: scope.org(),
        bot: row.bot_id.into(),
        channel: row.channel_id.into(),
        allowed_origins: row.allowed_origins,
    }))
}

/// A frame to be added to a visitor's history.
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

/// A frame of a visitor's history.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Frame {
    /// Its number.
    pub seq: i64,
    /// The message it shows.
    pub message_id: Option<Uuid>,
    /// What it holds.
    pub payload: Value,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// Adds a bot's frame to a visitor's history under the next number, and returns that number. A message that is
/// there already keeps its number and returns none. Concurrent writers of one visitor wait for each other.
#[tracing::instrument(level = "debug", name = "store.widget_configs.append_frame", skip_all)]
pub async fn append_frame(tx: &mut Tx, scope: &OrgScope, frame: &NewFrame) -> Result<Option<i64>, Error> {
    let session = frame.conversation.uuid();
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", frame.visitor)
        .execute(&mut *tx.inner)
        .await?;
    let seq = sqlx::query_scalar!(
        r#"
        INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, conversation_id,
                                     visitor_id, seq, role, frame, content, payload, message_id, status,
                                     delivered_at)
        SELECT $1, $2, $3, w.bot_id, $4, $4, $5,
               1 + coalesce((SELECT max(m.seq) FROM widget_messages m
                             WHERE m.organization_id = $3 AND m.visitor_id = $5), 0),
               'bot', 'text', left($6, 16000), $7, $8, 'sent', NULL
        FROM widget_configs w
        WHERE w.organization_id = $3 AND w.channel_id = $9
          AND NOT EXISTS (SELECT 1 FROM widget_messages m
                          WHERE m.organization_id = $3 AND m.visitor_id = $5 AND m.message_id = $8)
        LIMIT 1
        RETURNING seq
        "#,
        frame.id.uuid(),
        frame.id.created_at(),
        scope.org().uuid(),
        session,
        frame.visitor,
        frame.text,
        frame.payload,
        frame.message.uuid(),
        frame.channel.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(seq)
}

/// A visitor's history after a number, oldest first.
#[tracing::instrument(level = "debug", name = "store.widget_configs.history", skip_all)]
pub async fn history(
    tx: &mut Tx,
    scope: &OrgScope,
    visitor: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Frame>, Error> {
    Ok(sqlx::query_as!(
        Frame,
        r#"
        SELECT seq, message_id, payload, created_at FROM widget_messages
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
