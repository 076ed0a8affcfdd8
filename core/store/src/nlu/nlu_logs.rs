//! `nlu_logs`: what the recognizer decided for each inbound text.

use crate::table::{Column, Parent, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "nlu_logs",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::uuid("channel_id").nullable(),
        Column::uuid("conversation_id").nullable(),
        Column::uuid("message_id").nullable(),
        Column::text("text", 4000),
        Column::text("language", 16).nullable(),
        Column::choice("engine", &["exact", "keyword", "fast", "embedding", "model", "none"]),
        Column::boolean("corrected"),
        Column::integer("model_version", 0, 2_147_483_647),
        Column::uuid("intent_id").nullable(),
        Column::text("intent_name", 120).nullable(),
        Column::number("confidence", 0.0, 1.0),
        Column::number("score", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::array("alternatives"),
        Column::array("entities"),
        Column::boolean("matched"),
        Column::integer("latency_ms", 0, 2_147_483_647),
        Column::choice("review_state", &["none", "queued", "labelled", "dismissed"]),
        Column::uuid("labelled_intent_id").nullable(),
        Column::uuid("labelled_by").nullable(),
        Column::instant("labelled_at").nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
