//! `agent_tasks`: a unit of work given to an autonomous agent.

use crate::table::{Column, Form, Parent, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "agent_tasks",
    parent: Some(Parent { column: "agent_id", table: &super::autonomous_agents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("agent_id"),
        Column::text("description", 8000).once().required(),
        Column::object("input").once(),
        Column::object("result"),
        Column::choice("trigger", &["manual", "api", "schedule", "event"]),
        Column::choice(
            "status",
            &[
                "queued",
                "planning",
                "running",
                "waiting_approval",
                "succeeded",
                "failed",
                "canceled",
                "timed_out",
            ],
        ),
        Column::integer("priority", -2_147_483_648, 2_147_483_647).once(),
        Column::instant("scheduled_for").once(),
        Column::integer("steps_total", 0, 2_147_483_647),
        Column::integer("steps_done", 0, 2_147_483_647),
        Column::integer("tokens", 0, 2_147_483_647),
        Column::integer("cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::integer("attempt", 1, 10),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::uuid("requested_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "claimed_by", "heartbeat_at"],
    ..Table::PLAIN
};
