//! `tools`: a callable capability: HTTP call, read-only query, e-mail, search, plugin, flow, hand-off.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "tools",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable().taken(),
        Column::form("name", 64, Form::Ident).taken().required(),
        Column::text("description", 1000).taken().required(),
        Column::choice(
            "kind",
            &[
                "http",
                "sql_read",
                "email",
                "knowledge",
                "web_fetch",
                "calculator",
                "flow",
                "handoff",
                "plugin",
                "wasm",
            ],
        )
        .once()
        .required(),
        Column::object("config").taken(),
        Column::object("input_schema").taken(),
        Column::object("output_schema").taken(),
        Column::uuid("plugin_installation_id").nullable().taken(),
        Column::integer("timeout_ms", 100, 120_000).taken(),
        Column::integer("rate_per_minute", 1, 6000).taken(),
        Column::boolean("requires_confirmation").taken(),
        Column::texts("allowed_hosts").taken(),
        Column::boolean("is_active").taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "credentials_ct", "credentials_kid", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_tools_10",
            "plugin_installation_id",
            "must keep to: (kind = 'plugin') = (plugin_installation_id IS NOT NULL)",
        ),
        Rule::new(
            "ck_tools_11",
            "allowed_hosts",
            "must keep to: (kind <> ALL (ARRAY['http', 'web_fetch'])) OR (cardinality(allowed_hosts) > 0)",
        ),
        Rule::new("uq_tools_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
