//! `recovery_analytics`: rollup per campaign, period and currency.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "recovery_analytics",
    columns: &[
        Column::uuid("id"),
        Column::uuid("campaign_id").nullable(),
        Column::choice("period", &["hour", "day", "week", "month"]),
        Column::instant("period_start"),
        Column::form("currency", 3, Form::Currency),
        Column::integer("events_detected", 0, 2_147_483_647),
        Column::integer("enrolled", 0, 2_147_483_647),
        Column::integer("holdout", 0, 2_147_483_647),
        Column::integer("messages_sent", 0, 2_147_483_647),
        Column::integer("messages_delivered", 0, 2_147_483_647),
        Column::integer("messages_opened", 0, 2_147_483_647),
        Column::integer("messages_clicked", 0, 2_147_483_647),
        Column::integer("recovered_full", 0, 2_147_483_647),
        Column::integer("recovered_partial", 0, 2_147_483_647),
        Column::integer("holdout_recovered", 0, 2_147_483_647),
        Column::integer("value_at_risk", 0, i64::MAX),
        Column::integer("value_recovered", 0, i64::MAX),
        Column::integer("incentive_cost", 0, i64::MAX),
        Column::integer("message_cost", 0, i64::MAX),
        Column::object("by_channel"),
        Column::object("by_event_type"),
        Column::object("by_step"),
        Column::object("by_variant"),
        Column::instant("computed_at"),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_recovery_analytics_1", "currency", "is taken: there is one like it already")],
    ..Table::PLAIN
};
