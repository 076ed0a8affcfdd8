//! `entities`: a kind of value to extract from text.

use crate::table::{Column, Form, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "entities",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::form("name", 64, Form::Ident).taken().required(),
        Column::text("display_name", 120).nullable().taken(),
        Column::choice("kind", &["list", "pattern", "system", "free_text"]).taken(),
        Column::choice(
            "system_type",
            &["number", "date", "time", "email", "phone", "url", "currency", "duration", "location"],
        )
        .nullable()
        .taken(),
        Column::text("pattern", 500).nullable().taken(),
        Column::boolean("fuzzy_match").taken(),
        Column::boolean("is_sensitive").taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_entities_6",
            "system_type",
            "must keep to: (kind = 'system') = (system_type IS NOT NULL)",
        ),
        Rule::new("ck_entities_7", "pattern", "must keep to: (kind = 'pattern') = (pattern IS NOT NULL)"),
        Rule::new("uq_entities_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
