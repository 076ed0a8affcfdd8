//! `calls`: one voice call and its outcome.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "calls",
    columns: &[
        Column::uuid("id"),
        Column::uuid("voice_bot_id").nullable(),
        Column::uuid("phone_number_id").nullable(),
        Column::uuid("conversation_id").nullable(),
        Column::uuid("contact_id").nullable(),
        Column::choice("direction", &["inbound", "outbound"]),
        Column::choice("transport", &["webrtc", "sip", "pstn"]),
        Column::text("provider", 64),
        Column::text("provider_call_id", 128).nullable(),
        Column::text("from_address", 128).nullable(),
        Column::text("to_address", 128).nullable(),
        Column::choice(
            "status",
            &["queued", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"],
        ),
        Column::instant("answered_at").nullable(),
        Column::instant("ended_at").nullable(),
        Column::integer("duration_seconds", 0, 2_147_483_647),
        Column::text("recording_key", 512).nullable(),
        Column::integer("recording_seconds", 0, 2_147_483_647).nullable(),
        Column::choice("recording_consent", &["not_asked", "granted", "refused"]),
        Column::instant("recording_expires_at").nullable(),
        Column::text("summary", 8000).nullable(),
        Column::choice("sentiment", &["positive", "neutral", "negative", "mixed"]).nullable(),
        Column::object("quality"),
        Column::integer("tokens", 0, 2_147_483_647),
        Column::integer("cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::text("transferred_to", 128).nullable(),
        Column::text("hangup_cause", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_calls_21",
            "recording_consent",
            "must keep to: (recording_key IS NULL) OR (recording_consent = 'granted')",
        ),
        Rule::new("uq_calls_2", "provider_call_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
