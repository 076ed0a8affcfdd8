//! `agent_execution_steps`: one step of a run: model call, tool call, retrieval, hand-over, merge.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_execution_steps",
    parent: Some(Parent { column: "execution_id", table: &super::workflow_executions::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("execution_id"),
        Column::uuid("agent_id").nullable(),
        Column::uuid("parent_step_id").nullable(),
        Column::integer("step_no", 0, 2_147_483_647),
        Column::integer("attempt", 1, 20),
        Column::choice("kind", &["plan", "model", "tool", "retrieval", "handoff", "condition", "merge"]),
        Column::choice("status", &["pending", "running", "succeeded", "failed", "skipped", "canceled"]),
        Column::object("input"),
        Column::object("output"),
        Column::text("rationale", 4000).nullable(),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::integer("prompt_tokens", 0, 2_147_483_647),
        Column::integer("completion_tokens", 0, 2_147_483_647),
        Column::integer("cost", 0, i64::MAX),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_agent_execution_steps_2", "attempt", "is taken: there is one like it already")],
    ..Table::PLAIN
};
