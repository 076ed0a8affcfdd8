//! `bot_messages`: authored replies: welcome, fallback, keyword, canned, away and error texts.

use crate::table::{Column, Parent, Rule, Table};

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
