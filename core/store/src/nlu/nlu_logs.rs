//! `nlu_logs`: what the recognizer decided for each inbound text.

use botbuilder_domain::{BotId, ChannelId, ConversationId, MessageId};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "nlu_logs",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::uuid("channel_id").nullable(),
        Column::uuid("conversation_id").nullable(),
        Column::uuid("message_id").nullable(),
        Column::text("text", 4000),
        Column::text("language", 16).nullable(),
        Column::choice("engine", &["exact", "keyword", "fast", "embedding", "model", "none"]),
        Column::boolean("corrected"),
        Column::integer("model_version", 0, 2_147_483_647),
        Column::uuid("intent_id").nullable(),
        Column::text("intent_name", 120).nullable(),
        Column::number("confidence", 0.0, 1.0),
        Column::number("score", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::array("alternatives"),
        Column::array("entities"),
        Column::boolean("matched"),
        Column::integer("latency_ms", 0, 2_147_483_647),
        Column::choice("review_state", &["none", "queued", "labelled", "dismissed"]),
        Column::uuid("labelled_intent_id").nullable(),
        Column::uuid("labelled_by").nullable(),
        Column::instant("labelled_at").nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};

/// What was decided about a text.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id, whose instant is that of the decision.
    pub id: MessageId,
    /// The bot.
    pub bot: BotId,
    /// The channel.
    pub channel: Option<ChannelId>,
    /// The conversation.
    pub conversation: Option<ConversationId>,
    /// The message that was read.
    pub message: Option<MessageId>,
    /// The text, its sensitive values hidden. The first 4000 letters are kept.
    pub text: String,
    /// Its language.
    pub language: String,
    /// Who decided: a word of the column.
    pub engine: &'static str,
    /// Whether typing mistakes were corrected.
    pub corrected: bool,
    /// The version of the model; 0 without one.
    pub model_version: i32,
    /// The intent that was most likely.
    pub intent: Option<Uuid>,
    /// Its name.
    pub intent_name: Option<String>,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// How well the text fits what was taught.
    pub score: f64,
    /// The most likely intents: a JSON array.
    pub alternatives: Value,
    /// The values in it, sensitive ones hidden: a JSON array.
    pub entities: Value,
    /// Whether the intent was taken.
    pub matched: bool,
    /// How long it took.
    pub latency_ms: i32,
}

/// Writes decisions.
#[tracing::instrument(level = "debug", name = "store.nlu_logs.insert_many", skip_all)]
pub async fn insert_many(tx: &mut Tx, scope: &OrgScope, new: &[New]) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = new
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "bot_id": row.bot, "channel_id": row.channel,
                "conversation_id": row.conversation, "message_id": row.message, "text": row.text, "language": row.language,
                "engine": row.engine, "corrected": row.corrected, "model_version": row.model_version,
                "intent_id": row.intent, "intent_name": row.intent_name, "confidence": row.confidence,
                "score": row.score, "alternatives": row.alternatives, "entities": row.entities,
                "matched": row.matched, "latency_ms": row.latency_ms,
            })
        })
        .collect();
    sqlx::query!(
        r#"
        INSERT INTO nlu_logs
            (organization_id, id, created_at, bot_id, channel_id, conversation_id, message_id, text, language, engine,
             corrected, model_version, intent_id, intent_name, confidence, score, alternatives, entities, matched, latency_ms)
        SELECT $1, l.id, app.uuid_v7_ts(l.id), l.bot_id, l.channel_id, l.conversation_id, l.message_id,
               left(l.text, 4000), left(l.language, 16), l.engine, l.corrected, l.model_version, l.intent_id, l.intent_name, l.confidence,
               l.score, l.alternatives, l.entities, l.matched, l.latency_ms
          FROM jsonb_populate_recordset(NULL::nlu_logs, $2) l
        "#,
        scope.org().uuid(),
        Value::Array(rows),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// What a person said they meant, when they were asked.
#[derive(Debug, Clone)]
pub struct Meant {
    /// The note of the recognition.
    pub id: Uuid,
    /// The intent, by its name; none where it was none of those that were offered.
    pub intent: Option<String>,
}

/// Puts a note into the review queue, with the intent that the person chose as a proposal. One that somebody reviewed
/// stays as it is.
#[tracing::instrument(level = "debug", name = "store.nlu_logs.queue", skip_all)]
pub async fn queue(tx: &mut Tx, scope: &OrgScope, meant: &Meant) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE nlu_logs l SET review_state = 'queued', labelled_intent_id = (
            SELECT i.id FROM intents i
            WHERE i.organization_id = $1 AND i.bot_id = l.bot_id AND i.name = $3 AND i.deleted_at IS NULL)
        WHERE organization_id = $1 AND id = $2 AND created_at = app.uuid_v7_ts($2) AND review_state = 'none'
        "#,
        scope.org().uuid(),
        meant.id,
        meant.intent,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A message that was not understood.
#[derive(Debug, Clone)]
pub struct Unmatched {
    /// The note of the recognition.
    pub id: Uuid,
    /// What was said, its sensitive values hidden.
    pub text: String,
}

/// The newest messages since then that were not understood and nobody reviewed.
#[tracing::instrument(level = "debug", name = "store.nlu_logs.unmatched", skip_all)]
pub async fn unmatched(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Unmatched>, Error> {
    let rows = sqlx::query_as!(
        Unmatched,
        r#"
        SELECT id, text FROM nlu_logs
        WHERE organization_id = $1 AND bot_id = $2 AND created_at >= $3 AND NOT matched
          AND review_state IN ('none', 'queued')
        ORDER BY created_at DESC, id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        bot.uuid(),
        since,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows)
}
