//! `agent_tools`: which tools an agent or autonomous agent may call.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_tools",
    parent: Some(Parent { column: "agent_id", table: &super::agents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("agent_id").nullable(),
        Column::uuid("autonomous_agent_id").nullable(),
        Column::uuid("tool_id").once().required(),
        Column::boolean("is_enabled").taken(),
        Column::integer("priority", -2_147_483_648, 2_147_483_647).taken(),
        Column::object("overrides").taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_agent_tools_2",
            "autonomous_agent_id",
            "must keep to: num_nonnulls(agent_id, autonomous_agent_id) = 1",
        ),
        Rule::new("uq_agent_tools_1", "tool_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
