//! `autonomous_agents`: goal-driven agent that plans and runs tasks by itself, within hard limits.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "autonomous_agents",
    columns: &[
        Column::uuid("id"),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::text("goal", 8000).taken().required(),
        Column::text("instructions", 32_000).nullable().taken(),
        Column::texts("constraints").taken(),
        Column::uuid("provider_integration_id").nullable().taken(),
        Column::text("model", 120).taken().required(),
        Column::number("temperature", -1_000_000_000.0, 1_000_000_000.0).taken(),
        Column::object("memory").taken(),
        Column::integer("max_steps", 1, 200).taken(),
        Column::integer("max_minutes", 1, 1440).taken(),
        Column::integer("max_cost", 0, i64::MAX).nullable().taken(),
        Column::choice("approval_mode", &["never", "risky_tools", "every_step"]).taken(),
        Column::text("schedule_cron", 120).nullable().taken(),
        Column::text("schedule_timezone", 64).taken(),
        Column::instant("next_run_at").nullable(),
        Column::choice("status", &["active", "paused", "archived"]),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_autonomous_agents_14",
            "schedule_cron",
            "must keep to: (schedule_cron IS NOT NULL) OR (next_run_at IS NULL)",
        ),
        Rule::new("uq_autonomous_agents_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
