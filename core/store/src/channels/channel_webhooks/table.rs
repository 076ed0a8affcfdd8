//! `channel_webhooks` as the API shows it.

use crate::table::{Column, Kind, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "channel_webhooks",
    parent: Some(Parent { column: "channel_id", table: &crate::channels::channels::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("channel_id"),
        Column::text("event_type", 100),
        Column::text("dedupe_key", 300),
        Column::boolean("signature_valid"),
        Column::object("payload"),
        Column::object("headers"),
        Column::choice("status", &["received", "processed", "ignored", "failed", "dead"]),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::text("stream_ref", 160).nullable(),
        Column::instant("replayed_at").nullable(),
        Column::instant("processed_at").nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::new("remote_ip", Kind::Shown).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "payload_hash"],
    rules: &[
        Rule::new(
            "ck_channel_webhooks_10",
            "status",
            "must keep to: signature_valid OR (status = ANY (ARRAY['ignored', 'dead']))",
        ),
        Rule::new("uq_channel_webhooks_1", "dedupe_key", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
