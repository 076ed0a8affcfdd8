//! `flow_orchestrations`: a set of flows of one bot and how control passes between them.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "flow_orchestrations",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").once().required(),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice("status", &["draft", "active", "paused", "archived"]),
        Column::uuid("entry_flow_id").taken().required(),
        Column::choice("on_error", &["stop", "fallback_flow", "handoff"]).taken(),
        Column::uuid("fallback_flow_id").nullable().taken(),
        Column::integer("max_hops", 1, 100).taken(),
        Column::integer("session_ttl_seconds", 60, 2_592_000).taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_flow_orchestrations_7",
            "fallback_flow_id",
            "must keep to: (on_error <> 'fallback_flow') OR (fallback_flow_id IS NOT NULL)",
        ),
        Rule::new("uq_flow_orchestrations_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_flow_orchestrations_3", "bot_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
