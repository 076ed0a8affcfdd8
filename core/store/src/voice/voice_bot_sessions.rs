//! `voice_bot_sessions`: a live media session: dictation for a creation, browser test, or the media leg of a call.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "voice_bot_sessions",
    columns: &[
        Column::uuid("id"),
        Column::uuid("creation_id").nullable(),
        Column::uuid("voice_bot_id").nullable(),
        Column::uuid("call_id").nullable(),
        Column::uuid("user_id").nullable(),
        Column::choice("transport", &["webrtc", "websocket", "sip"]),
        Column::choice("status", &["connecting", "active", "ended", "failed"]),
        Column::text("codec", 32).nullable(),
        Column::integer("last_seq", 0, i64::MAX),
        Column::text("partial_transcript", 20_000).nullable(),
        Column::text("audio_key", 512).nullable(),
        Column::object("media_stats"),
        Column::instant("started_at").nullable(),
        Column::instant("ended_at").nullable(),
        Column::text("end_reason", 64).nullable(),
        Column::text("node", 80).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new(
        "ck_voice_bot_sessions_10",
        "voice_bot_id",
        "must keep to: num_nonnulls(creation_id, voice_bot_id) >= 1",
    )],
    ..Table::PLAIN
};
