//! `task_steps`: one thought, tool call, observation or question of a task.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "task_steps",
    parent: Some(Parent { column: "task_id", table: &super::agent_tasks::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("task_id"),
        Column::integer("step_no", 0, 2_147_483_647),
        Column::integer("attempt", 1, 10),
        Column::choice("kind", &["think", "plan", "tool", "observe", "ask_human", "final"]),
        Column::text("title", 200),
        Column::choice(
            "status",
            &["pending", "running", "waiting_approval", "succeeded", "failed", "skipped"],
        ),
        Column::object("input"),
        Column::object("output"),
        Column::text("rationale", 4000).nullable(),
        Column::integer("tokens", 0, 2_147_483_647),
        Column::integer("cost", 0, i64::MAX),
        Column::text("error_message", 2000).nullable(),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_task_steps_2", "attempt", "is taken: there is one like it already")],
    ..Table::PLAIN
};
