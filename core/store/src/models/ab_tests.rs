//! `ab_tests`: an experiment: variants, allocation, goal, decision.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "ab_tests",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable().once(),
        Column::text("name", 120).taken().required(),
        Column::text("hypothesis", 2000).nullable().taken(),
        Column::choice(
            "target_type",
            &["message", "flow", "prompt", "model_version", "widget", "template", "recovery_step"],
        )
        .once()
        .required(),
        Column::uuid("target_id").nullable().once(),
        Column::choice("unit", &["contact", "conversation", "visitor"]).once(),
        Column::text("salt", 32),
        Column::integer("traffic_bp", 0, 10_000).taken(),
        Column::array("variants").taken(),
        Column::choice("goal_kind", &["proportion", "mean"]).taken(),
        Column::text("goal_event", 64).taken().required(),
        Column::texts("secondary_goals").taken(),
        Column::integer("min_per_variant", 30, 10_000_000).taken(),
        Column::integer("min_hours", 1, 8760).taken(),
        Column::number("confidence", 0.8, 0.999).taken(),
        Column::boolean("auto_winner").taken(),
        Column::choice("status", &["draft", "running", "paused", "completed", "canceled"]),
        Column::text("winner_key", 32).nullable(),
        Column::object("decision"),
        Column::uuid("decided_by").nullable(),
        Column::instant("decided_at").nullable(),
        Column::instant("started_at").nullable(),
        Column::instant("paused_at").nullable(),
        Column::instant("ended_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_ab_tests_15", "variants", "is not a valid ab variants"),
        Rule::new(
            "ck_ab_tests_17",
            "winner_key",
            "must keep to: (winner_key IS NULL) OR (status = 'completed')",
        ),
        Rule::new("uq_ab_tests_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_ab_tests_3", "target_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
