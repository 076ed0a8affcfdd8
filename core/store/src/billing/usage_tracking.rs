//! `usage_tracking`: metered usage, pre-aggregated per minute before it is written.

use crate::table::{Column, Form, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "usage_tracking",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable(),
        Column::uuid("api_token_id").nullable(),
        Column::choice(
            "metric",
            &[
                "message_in",
                "message_out",
                "api_call",
                "model_token",
                "embedding_token",
                "voice_second",
                "storage_byte",
                "active_contact",
                "workflow_run",
                "webhook_delivery",
                "email_sent",
            ],
        ),
        Column::integer("quantity", 0, i64::MAX),
        Column::integer("unit_cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::object("dimensions"),
        Column::instant("window_start"),
        Column::text("source_key", 160),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
