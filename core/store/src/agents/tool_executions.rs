//! `tool_executions`: one tool call with redacted input and output.

use crate::table::{Column, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "tool_executions",
    columns: &[
        Column::uuid("id"),
        Column::uuid("tool_id").nullable(),
        Column::text("tool_name", 120),
        Column::uuid("step_id").nullable(),
        Column::uuid("task_step_id").nullable(),
        Column::uuid("conversation_id").nullable(),
        Column::choice(
            "status",
            &["pending", "awaiting_confirmation", "running", "succeeded", "failed", "timed_out", "denied"],
        ),
        Column::object("input"),
        Column::object("output"),
        Column::integer("http_status", 100, 599).nullable(),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::integer("duration_ms", 0, 2_147_483_647).nullable(),
        Column::integer("attempt", 1, 10),
        Column::uuid("confirmed_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
