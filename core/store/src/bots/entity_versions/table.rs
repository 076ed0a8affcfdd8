//! `entity_versions` as the API shows it.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "entity_versions",
    columns: &[
        Column::uuid("id"),
        Column::choice(
            "entity_type",
            &[
                "bot",
                "bot_flow",
                "flow_orchestration",
                "agent",
                "agent_workflow",
                "widget_config",
                "voice_bot",
                "work_clone",
                "recovery_campaign",
                "nlu_model",
            ],
        ),
        Column::uuid("entity_id"),
        Column::uuid("branch_id").nullable(),
        Column::integer("version", 1, 2_147_483_647),
        Column::object("data"),
        Column::uuid("parent_version_id").nullable(),
        Column::uuid("merge_parent_id").nullable(),
        Column::text("message", 500).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id", "data_hash"],
    rules: &[
        Rule::new(
            "ck_entity_versions_6",
            "data",
            "must keep to: (entity_type <> 'bot_flow') OR valid_flow(data, true)",
        ),
        Rule::new("uq_entity_versions_2", "version", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
