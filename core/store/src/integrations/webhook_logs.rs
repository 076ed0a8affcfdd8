//! `webhook_logs`: one row per attempt to deliver an event to a customer's endpoint.

use crate::table::{Column, Form, Kind, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "webhook_logs",
    columns: &[
        Column::uuid("id"),
        Column::uuid("delivery_id"),
        Column::uuid("event_id"),
        Column::form("event_type", 128, Form::Checked),
        Column::uuid("integration_id").nullable(),
        Column::uuid("bot_id").nullable(),
        Column::form("url", 2048, Form::Url),
        Column::integer("attempt", 1, 20),
        Column::choice("status", &["pending", "succeeded", "retrying", "abandoned"]),
        Column::object("request_headers"),
        Column::new("request_body", Kind::Json).nullable(),
        Column::integer("response_status", 100, 599).nullable(),
        Column::object("response_headers"),
        Column::text("response_body", 8192).nullable(),
        Column::text("error_message", 1000).nullable(),
        Column::integer("duration_ms", 0, 2_147_483_647).nullable(),
        Column::instant("next_attempt_at").nullable(),
        Column::uuid("replay_of").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_webhook_logs_1",
            "event_type",
            "must keep to: (event_type ~ '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$') AND (char_length(event_type) <= 128)",
        ),
        Rule::new("ck_webhook_logs_12", "bot_id", "must keep to: num_nonnulls(integration_id, bot_id) = 1"),
        Rule::new(
            "ck_webhook_logs_13",
            "next_attempt_at",
            "must keep to: (status = 'retrying') = (next_attempt_at IS NOT NULL)",
        ),
    ],
    ..Table::PLAIN
};
