//! `agent_knowledge_bases`: knowledge bases an agent may consult, in order.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_knowledge_bases",
    parent: Some(Parent { column: "agent_id", table: &crate::agents::agents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("agent_id"),
        Column::uuid("knowledge_base_id").once().required(),
        Column::integer("priority", -2_147_483_648, 2_147_483_647).taken(),
        Column::integer("top_k", 1, 50).taken(),
        Column::number("min_score", 0.0, 1.0).taken(),
        Column::boolean("is_enabled").taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new(
        "uq_agent_knowledge_bases_1",
        "knowledge_base_id",
        "is taken: there is one like it already",
    )],
    ..Table::PLAIN
};
