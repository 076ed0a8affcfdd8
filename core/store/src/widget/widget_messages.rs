//! `widget_messages`: ordered frame log of a widget session, for resume after reconnect and widget-only events.

use crate::table::{Column, Form, Kind, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "widget_messages",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::uuid("session_id"),
        Column::uuid("conversation_id").nullable(),
        Column::text("visitor_id", 64),
        Column::integer("seq", 0, i64::MAX),
        Column::choice("role", &["visitor", "bot", "agent", "system"]),
        Column::choice(
            "frame",
            &["text", "card", "file", "typing", "click", "form", "rating", "presence", "call", "notice"],
        ),
        Column::text("content", 16_000).nullable(),
        Column::object("payload"),
        Column::uuid("message_id").nullable(),
        Column::text("client_msg_id", 64).nullable(),
        Column::choice("status", &["received", "queued", "sent", "delivered", "read", "failed"]),
        Column::instant("delivered_at").nullable(),
        Column::instant("read_at").nullable(),
        Column::form("page_url", 2048, Form::Url).nullable(),
        Column::text("origin", 255).nullable(),
        Column::new("ip_prefix", Kind::Shown).nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
