//! `phone_numbers`: a number an organization can receive or place calls and texts with.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "phone_numbers",
    columns: &[
        Column::uuid("id"),
        Column::form("number", 16, Form::Phone).once().required(),
        Column::text("provider", 64).once().required(),
        Column::text("provider_ref", 128).nullable().once(),
        Column::uuid("integration_id").nullable().once(),
        Column::text("label", 120).nullable().taken(),
        Column::text("country", 2).once().required(),
        Column::texts("capabilities").once(),
        Column::choice("status", &["pending", "active", "suspended", "released"]),
        Column::uuid("voice_bot_id").nullable().taken(),
        Column::uuid("channel_id").nullable().taken(),
        Column::integer("monthly_cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::instant("acquired_at").nullable(),
        Column::instant("released_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[Rule::new("uq_phone_numbers_2", "number", "is taken: there is one like it already")],
    ..Table::PLAIN
};
