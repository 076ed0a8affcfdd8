//! `bot_messages`: authored replies: welcome, fallback, keyword, canned, away and error texts.

use botbuilder_domain::BotId;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "bot_messages",
    parent: Some(Parent { column: "bot_id", table: &super::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::choice("kind", &["welcome", "fallback", "keyword", "canned", "away", "handoff", "error"])
            .taken()
            .required(),
        Column::text("name", 120).taken().required(),
        Column::text("language", 16).taken(),
        Column::texts("trigger_keywords").taken(),
        Column::choice("match_mode", &["none", "exact", "contains", "pattern"]).taken(),
        Column::texts("channel_types").taken(),
        Column::object("content").taken(),
        Column::integer("priority", -2_147_483_648, 2_147_483_647).taken(),
        Column::boolean("is_active").taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_bot_messages_6", "content", "is not a valid message"),
        Rule::new(
            "ck_bot_messages_7",
            "trigger_keywords",
            "must keep to: (NOT (kind = 'keyword')) OR (cardinality(trigger_keywords) > 0)",
        ),
    ],
    ..Table::PLAIN
};

/// A message that a bot says by itself.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its id.
    pub id: Uuid,
    /// `welcome`, `fallback`, `keyword`, `away`, `handoff` or `error`.
    pub kind: String,
    /// Its language.
    pub language: String,
    /// The words that it answers.
    pub trigger_keywords: Vec<String>,
    /// How a text matches them: `none`, `exact`, `contains` or `pattern`.
    pub match_mode: String,
    /// The networks it is for; all where there are none.
    pub channel_types: Vec<String>,
    /// What is said.
    pub content: Value,
}

/// The messages that a bot says by itself, the more important first. Words of a message that an intent answers with belong
/// to that intent.
#[tracing::instrument(level = "debug", name = "store.bot_messages.for_turns", skip_all)]
pub async fn for_turns(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Written>, Error> {
    Ok(sqlx::query_as!(
        Written,
        r#"
        SELECT id, kind, language, trigger_keywords, match_mode, channel_types, content FROM bot_messages m
        WHERE organization_id = $1 AND bot_id = $2 AND is_active AND deleted_at IS NULL AND kind <> 'canned'
          AND NOT (kind = 'keyword' AND EXISTS (
              SELECT FROM intents i
              WHERE i.organization_id = $1 AND i.bot_id = $2 AND i.response_message_id = m.id AND i.is_active
                AND i.deleted_at IS NULL))
        ORDER BY priority DESC, id
        LIMIT 1000
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
