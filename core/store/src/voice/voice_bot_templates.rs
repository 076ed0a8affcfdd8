//! `voice_bot_templates`: starting points for bots described by voice.

use crate::table::{Column, Form, Rule, Table, Tenancy};

/// The table.
pub static TABLE: Table = Table {
    name: "voice_bot_templates",
    columns: &[
        Column::uuid("id"),
        Column::form("slug", 63, Form::Slug).once().required(),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice("category", &["support", "sales", "faq", "booking", "survey", "recovery", "custom"])
            .taken(),
        Column::text("language", 16).taken(),
        Column::text("prompt", 8000).taken().required(),
        Column::texts("example_phrases").taken(),
        Column::array("default_intents").taken(),
        Column::array("default_entities").taken(),
        Column::object("default_flow").taken(),
        Column::boolean("is_active").taken(),
        Column::integer("use_count", 0, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[Rule::new("uq_voice_bot_templates_1", "language", "is taken: there is one like it already")],
    tenancy: Tenancy::Policy,
    ..Table::PLAIN
};
