//! `bot_flows` as the API shows it.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "bot_flows",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice("status", &["draft", "published", "archived"]),
        Column::boolean("is_default"),
        Column::object("draft_definition").taken(),
        Column::instant("draft_saved_at").nullable(),
        Column::object("validation_report"),
        Column::uuid("published_version_id").nullable(),
        Column::integer("published_version", 1, 2_147_483_647).nullable(),
        Column::instant("published_at").nullable(),
        Column::uuid("published_by").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "draft_hash", "deleted_at"],
    rules: &[
        Rule::new("ck_bot_flows_8", "draft_definition", "is not a valid flow"),
        Rule::new(
            "ck_bot_flows_9",
            "published_version_id",
            "must keep to: (NOT (status = 'published')) OR (published_version_id IS NOT NULL)",
        ),
        Rule::new("uq_bot_flows_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_bot_flows_3", "is_default", "there is one already"),
    ],
    ..Table::PLAIN
};
