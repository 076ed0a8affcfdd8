//! What a bot was taught, as training and recognition read it: the rows of several tables at once.

use botbuilder_domain::BotId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// How a bot's understanding stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The bot's language.
    pub language: String,
    /// `untrained`, `stale`, `training`, `ready` or `failed`.
    pub status: String,
    /// The version of the model in use; 0 while there is none.
    pub version: i32,
    /// When that was trained.
    pub trained_at: Option<DateTime<Utc>>,
    /// The bot's own threshold for taking an intent.
    pub accept: Option<f64>,
    /// The bot's own threshold for asking which intent is meant.
    pub ask: Option<f64>,
    /// The time zone of the bot's working hours, else of the organization's.
    pub time_zone: Option<String>,
    /// A digest of when what was taught last changed: another one means that something did.
    pub taught: String,
}

/// How the understanding of a bot stands. None where there is no such bot.
#[tracing::instrument(level = "debug", name = "store.taught.standing", skip_all)]
pub async fn standing(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<Standing>, Error> {
    Ok(sqlx::query_as!(
        Standing,
        r#"
        SELECT b.language, b.nlu_status AS status, b.nlu_model_version AS version, b.nlu_trained_at AS trained_at,
               b.intent_accept::double precision AS accept, b.intent_ask::double precision AS ask,
               coalesce(b.settings #>> '{business_hours,time_zone}', o.settings #>> '{business_hours,time_zone}')
                   AS time_zone,
               -- What is deleted softly counts along: deleting changes its updated_at.
               md5(concat_ws('/', b.language,
                   (SELECT max(updated_at) FROM intents WHERE organization_id = $1 AND bot_id = $2),
                   (SELECT max(updated_at) FROM bot_messages
                     WHERE organization_id = $1 AND bot_id = $2 AND kind = 'keyword'),
                   (SELECT count(*) || ' ' || max(updated_at) FROM intent_examples
                     WHERE organization_id = $1 AND bot_id = $2),
                   (SELECT max(updated_at) FROM entities WHERE organization_id = $1 AND bot_id = $2),
                   (SELECT count(*) || ' ' || max(v.updated_at) FROM entity_values v
                      JOIN entities e ON e.organization_id = v.organization_id AND e.id = v.entity_id
                     WHERE e.organization_id = $1 AND e.bot_id = $2))) AS "taught!"
          FROM bots b JOIN organizations o ON o.id = b.organization_id
         WHERE b.organization_id = $1 AND b.id = $2 AND b.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// An intent that is in use.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: Option<String>,
    /// Whether its examples are what the bot is not for.
    pub is_fallback: bool,
    /// Its own threshold.
    pub accept_score: Option<f64>,
}

/// The intents that are in use, in the order of their ids.
#[tracing::instrument(level = "debug", name = "store.taught.intents", skip_all)]
pub async fn intents(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Intent>, Error> {
    Ok(sqlx::query_as!(
        Intent,
        r#"
        SELECT id, name, display_name, is_fallback, accept_score::double precision AS accept_score FROM intents
        WHERE organization_id = $1 AND bot_id = $2 AND is_active AND deleted_at IS NULL ORDER BY id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// An example of an intent.
#[derive(Debug, Clone)]
pub struct Example {
    /// Its id.
    pub id: Uuid,
    /// Its intent.
    pub intent_id: Uuid,
    /// As written.
    pub text: String,
    /// Its language.
    pub language: String,
    /// The values in it, as authors wrote them.
    pub entities: Value,
}

/// The examples of the bot's intents, in the order of their ids.
#[tracing::instrument(level = "debug", name = "store.taught.examples", skip_all)]
pub async fn examples(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Example>, Error> {
    Ok(sqlx::query_as!(
        Example,
        r#"
        SELECT id, intent_id, text, language, entities FROM intent_examples
        WHERE organization_id = $1 AND bot_id = $2 ORDER BY id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A kind of value.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `list`, `pattern`, `system` or `free_text`.
    pub kind: String,
    /// Which of the built-in kinds.
    pub system_type: Option<String>,
    /// The pattern.
    pub pattern: Option<String>,
    /// Whether typing mistakes are forgiven.
    pub fuzzy_match: bool,
    /// Whether its values are hidden in logs.
    pub is_sensitive: bool,
}

/// The kinds of values that the bot looks for, in the order of their ids.
#[tracing::instrument(level = "debug", name = "store.taught.entities", skip_all)]
pub async fn entities(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Entity>, Error> {
    Ok(sqlx::query_as!(
        Entity,
        r#"
        SELECT id, name, kind, system_type, pattern, fuzzy_match, is_sensitive FROM entities
        WHERE organization_id = $1 AND bot_id = $2 AND deleted_at IS NULL ORDER BY id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A value of a list.
#[derive(Debug, Clone)]
pub struct ListValue {
    /// The list.
    pub entity_id: Uuid,
    /// What is handed on.
    pub value: String,
    /// What else it is called.
    pub synonyms: Vec<String>,
}

/// The values of the bot's lists, in their order.
#[tracing::instrument(level = "debug", name = "store.taught.values", skip_all)]
pub async fn values(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<ListValue>, Error> {
    Ok(sqlx::query_as!(
        ListValue,
        r#"
        SELECT v.entity_id, v.value, v.synonyms FROM entity_values v
        JOIN entities e ON e.organization_id = v.organization_id AND e.id = v.entity_id
        WHERE e.organization_id = $1 AND e.bot_id = $2 AND e.kind = 'list' AND e.deleted_at IS NULL
        ORDER BY v.entity_id, v.sort_order, v.id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Words that decide for an intent.
#[derive(Debug, Clone)]
pub struct Keywords {
    /// The intent.
    pub intent_id: Uuid,
    /// The phrases.
    pub phrases: Vec<String>,
    /// Whether a phrase must be the whole message.
    pub whole: bool,
}

/// The keywords of the messages that intents answer with.
#[tracing::instrument(level = "debug", name = "store.taught.keywords", skip_all)]
pub async fn keywords(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Keywords>, Error> {
    Ok(sqlx::query_as!(
        Keywords,
        r#"
        SELECT i.id AS intent_id, m.trigger_keywords AS phrases, (m.match_mode = 'exact') AS "whole!"
          FROM intents i
          JOIN bot_messages m ON m.organization_id = i.organization_id AND m.id = i.response_message_id
         WHERE i.organization_id = $1 AND i.bot_id = $2 AND i.is_active AND i.deleted_at IS NULL
           AND m.kind = 'keyword' AND m.is_active AND m.deleted_at IS NULL AND m.match_mode IN ('exact', 'contains')
         ORDER BY i.id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// What an intent is answered with.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The intent's name.
    pub intent: String,
    /// The flow that it starts.
    pub flow: Option<Uuid>,
    /// The message that it answers with.
    pub message: Option<Uuid>,
    /// The message's language.
    pub language: Option<String>,
    /// The networks that the message is for; all where there are none.
    pub channel_types: Option<Vec<String>>,
    /// What the message says.
    pub content: Option<Value>,
}

/// The intents in use that name a flow or a message. What is not for the bot is left to its flows.
#[tracing::instrument(level = "debug", name = "store.taught.answered", skip_all)]
pub async fn answered(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Answered>, Error> {
    Ok(sqlx::query_as!(
        Answered,
        r#"
        SELECT i.name AS intent, i.target_flow_id AS flow, m.id AS "message?", m.language AS "language?",
               m.channel_types AS "channel_types?", m.content AS "content?"
          FROM intents i
          LEFT JOIN bot_messages m ON m.organization_id = i.organization_id AND m.id = i.response_message_id
               AND m.is_active AND m.deleted_at IS NULL
         WHERE i.organization_id = $1 AND i.bot_id = $2 AND i.is_active AND i.deleted_at IS NULL AND NOT i.is_fallback
           AND (i.target_flow_id IS NOT NULL OR m.id IS NOT NULL)
         ORDER BY i.name
         LIMIT 1000
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
