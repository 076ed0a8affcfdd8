//! `agents`: a language-model persona of one bot: instructions, model, limits, retrieval settings.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agents",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::text("name", 120).taken().required(),
        Column::choice(
            "role",
            &[
                "assistant",
                "router",
                "researcher",
                "writer",
                "analyzer",
                "reviewer",
                "orchestrator",
                "custom",
            ],
        )
        .taken(),
        Column::text("instructions", 32_000).taken().required(),
        Column::uuid("provider_integration_id").nullable().taken(),
        Column::text("model", 120).taken().required(),
        Column::uuid("model_version_id").nullable().taken(),
        Column::number("temperature", 0.0, 2.0).taken(),
        Column::number("top_p", -1_000_000_000.0, 1_000_000_000.0).nullable().taken(),
        Column::integer("max_output_tokens", 1, 65_536).taken(),
        Column::integer("history_messages", 0, 200).taken(),
        Column::choice("response_format", &["text", "json"]).taken(),
        Column::object("response_schema").taken(),
        Column::texts("capabilities").taken(),
        Column::object("guardrails").taken(),
        Column::object("retrieval").taken(),
        Column::boolean("is_active").taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_agents_12",
            "top_p",
            "must keep to: (top_p IS NULL) OR ((top_p >= (0)) AND (top_p <= (1)))",
        ),
        Rule::new("ck_agents_13", "retrieval", "has an unknown key, or a value of a wrong type"),
        Rule::new("uq_agents_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
