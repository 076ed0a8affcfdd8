//! `agent_messages`: message passed between agents during a run.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_messages",
    parent: Some(Parent { column: "execution_id", table: &super::workflow_executions::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("execution_id"),
        Column::uuid("step_id").nullable(),
        Column::uuid("from_agent_id").nullable(),
        Column::uuid("to_agent_id").nullable(),
        Column::integer("seq", 0, 2_147_483_647),
        Column::choice("kind", &["task", "data", "question", "answer", "result", "error", "control"]),
        Column::object("content"),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_agent_messages_1", "seq", "is taken: there is one like it already")],
    ..Table::PLAIN
};
