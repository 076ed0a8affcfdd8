//! `call_segments`: one speaker turn of a call.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "call_segments",
    parent: Some(Parent { column: "call_id", table: &super::calls::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("call_id"),
        Column::integer("seq", 0, 2_147_483_647),
        Column::choice("speaker", &["caller", "bot", "agent"]),
        Column::text("text", 8000),
        Column::integer("start_ms", 0, 2_147_483_647),
        Column::integer("end_ms", 0, 2_147_483_647),
        Column::boolean("is_final"),
        Column::number("confidence", 0.0, 1.0).nullable(),
        Column::choice("sentiment", &["positive", "neutral", "negative"]).nullable(),
        Column::uuid("intent_id").nullable(),
        Column::text("language", 16).nullable(),
        Column::text("audio_key", 512).nullable(),
        Column::integer("audio_offset_ms", 0, 2_147_483_647).nullable(),
        Column::boolean("interrupted"),
        Column::text("dtmf", 64).nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("ck_call_segments_12", "end_ms", "must keep to: end_ms >= start_ms"),
        Rule::new("uq_call_segments_1", "seq", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
