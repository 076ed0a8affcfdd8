//! `conversations` as the API shows it.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "conversations",
    columns: &[
        Column::uuid("id"),
        Column::uuid("channel_id"),
        Column::uuid("contact_id"),
        Column::uuid("bot_id").nullable().taken(),
        Column::text("thread_ref", 255),
        Column::text("language", 16).nullable().taken(),
        Column::choice("status", &["open", "pending", "snoozed", "closed"]),
        Column::choice("mode", &["bot", "human", "paused"]),
        Column::uuid("assigned_member_id").nullable(),
        Column::choice("priority", &["low", "normal", "high", "urgent"]).taken(),
        Column::uuid("active_version_id").nullable(),
        Column::instant("snoozed_until").nullable().taken(),
        Column::instant("last_message_at").nullable(),
        Column::instant("last_inbound_at").nullable(),
        Column::instant("last_outbound_at").nullable(),
        Column::integer("first_response_seconds", 0, 2_147_483_647).nullable(),
        Column::integer("unread_count", 0, 2_147_483_647),
        Column::integer("message_count", 0, 2_147_483_647),
        Column::integer("csat", 1, 5).nullable(),
        Column::instant("closed_at").nullable(),
        Column::text("closed_reason", 64).nullable(),
        Column::texts("tags").taken(),
        Column::text("handoff_note", 2000).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &[
        "organization_id",
        "runtime_state",
        "state_version",
        "state_stream",
        "state_offset",
        "next_timer_at",
        "state_expires_at",
        "recorded_version",
        "recorded_since",
    ],
    rules: &[
        Rule::new(
            "ck_conversations_15",
            "closed_at",
            "must keep to: (status = 'closed') = (closed_at IS NOT NULL)",
        ),
        Rule::new(
            "ck_conversations_16",
            "snoozed_until",
            "must keep to: (NOT (status = 'snoozed')) OR (snoozed_until IS NOT NULL)",
        ),
        Rule::new("uq_conversations_2", "thread_ref", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
