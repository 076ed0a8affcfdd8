//! `agent_workflows`: arrangement of several agents: sequence, parallel, conditional, router or mixed stages.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_workflows",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice("kind", &["sequential", "parallel", "conditional", "router", "mixed"]).taken(),
        Column::object("definition").taken(),
        Column::uuid("entry_agent_id").nullable().taken(),
        Column::choice("status", &["draft", "active", "disabled"]),
        Column::boolean("is_default"),
        Column::integer("timeout_seconds", 1, 3600).taken(),
        Column::integer("max_cost", 0, i64::MAX).nullable().taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_agent_workflows_8", "definition", "has an unknown key, or a value of a wrong type"),
        Rule::new("uq_agent_workflows_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_agent_workflows_3", "is_default", "there is one already"),
    ],
    ..Table::PLAIN
};
