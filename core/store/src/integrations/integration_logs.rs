//! `integration_logs`: calls made to or received from an integration, with secrets removed.

use crate::table::{Column, Parent, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "integration_logs",
    parent: Some(Parent { column: "integration_id", table: &super::integrations::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("integration_id"),
        Column::choice("direction", &["outbound", "inbound"]),
        Column::text("action", 100),
        Column::choice("result", &["success", "failure", "retry"]),
        Column::integer("http_status", 100, 599).nullable(),
        Column::object("request"),
        Column::object("response"),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::integer("duration_ms", 0, 2_147_483_647).nullable(),
        Column::uuid("correlation_id").nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
