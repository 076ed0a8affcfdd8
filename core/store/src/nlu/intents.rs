//! `intents`: something an end user may want.

use crate::table::{Column, Form, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "intents",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::form("name", 64, Form::Ident).taken().required(),
        Column::text("display_name", 120).nullable().taken(),
        Column::text("description", 1000).nullable().taken(),
        Column::boolean("is_active").taken(),
        Column::boolean("is_fallback").taken(),
        Column::number("accept_score", 0.0, 1.5).nullable().taken(),
        Column::uuid("response_message_id").nullable().taken(),
        Column::uuid("target_flow_id").nullable().taken(),
        Column::integer("example_count", 0, 2_147_483_647),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("uq_intents_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_intents_3", "is_fallback", "there is one already"),
    ],
    ..Table::PLAIN
};
