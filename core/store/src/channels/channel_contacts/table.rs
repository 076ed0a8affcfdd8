//! `channel_contacts` as the API shows it.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "channel_contacts",
    columns: &[
        Column::uuid("id"),
        Column::uuid("channel_id").once().required(),
        Column::text("external_id", 255).once().required(),
        Column::text("alt_external_id", 255).nullable().once(),
        Column::text("display_name", 200).nullable().taken(),
        Column::text("username", 128).nullable().taken(),
        Column::form("phone", 16, Form::Phone).nullable().taken(),
        Column::form("email", 254, Form::Email).nullable().taken(),
        Column::form("avatar_url", 2048, Form::Url).nullable().taken(),
        Column::text("locale", 16).nullable().taken(),
        Column::text("timezone", 64).nullable().taken(),
        Column::texts("tags").taken(),
        Column::object("attributes").taken(),
        Column::text("customer_ref", 255).nullable().taken(),
        Column::choice("consent", &["unknown", "opted_in", "opted_out"]),
        Column::instant("consent_at").nullable(),
        Column::instant("blocked_at").nullable(),
        Column::choice("blocked_by", &["us", "them"]).nullable(),
        Column::instant("first_seen_at"),
        Column::instant("last_seen_at"),
        Column::instant("last_inbound_at").nullable(),
        Column::instant("window_until").nullable(),
        Column::integer("inbound_count", 0, 2_147_483_647),
        Column::integer("outbound_count", 0, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("uq_channel_contacts_2", "external_id", "is taken: there is one like it already"),
        Rule::new("uq_channel_contacts_3", "alt_external_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
