//! `channel_templates` as the API shows it.

use crate::table::{Column, Form, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "channel_templates",
    parent: Some(Parent { column: "channel_id", table: &crate::channels::channels::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("channel_id"),
        Column::form("name", 512, Form::Checked).taken().required(),
        Column::text("language", 16).taken(),
        Column::choice("category", &["marketing", "utility", "authentication", "service"]).taken().required(),
        Column::object("header").taken(),
        Column::text("body", 1024).taken().required(),
        Column::text("footer", 60).nullable().taken(),
        Column::array("buttons").taken(),
        Column::array("variables").taken(),
        Column::choice("status", &["draft", "pending", "approved", "rejected", "paused", "disabled"]),
        Column::choice("quality", &["unknown", "green", "yellow", "red"]),
        Column::text("provider_template_id", 128).nullable(),
        Column::text("rejection_reason", 1000).nullable(),
        Column::instant("submitted_at").nullable(),
        Column::instant("reviewed_at").nullable(),
        Column::instant("last_synced_at").nullable(),
        Column::instant("disabled_at").nullable(),
        Column::integer("use_count", 0, 2_147_483_647),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_channel_templates_14", "name", "must keep to: name ~ '^[a-z0-9_]+$'"),
        Rule::new("uq_channel_templates_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_channel_templates_3", "provider_template_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
