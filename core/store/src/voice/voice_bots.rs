//! `voice_bots`: speaking front of a bot: speech engines, voice, call rules.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "voice_bots",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").once().required(),
        Column::text("name", 120).taken().required(),
        Column::uuid("agent_id").nullable().taken(),
        Column::uuid("flow_id").nullable().taken(),
        Column::text("language", 16).taken(),
        Column::uuid("stt_integration_id").nullable().taken(),
        Column::uuid("tts_integration_id").nullable().taken(),
        Column::object("stt").taken(),
        Column::object("tts").taken(),
        Column::text("voice_id", 120).nullable().taken(),
        Column::object("settings").taken(),
        Column::text("greeting", 1000).taken().required(),
        Column::text("fallback", 1000).taken().required(),
        Column::boolean("barge_in").taken(),
        Column::integer("max_call_seconds", 10, 14_400).taken(),
        Column::integer("silence_timeout_ms", 500, 60_000).taken(),
        Column::boolean("record_calls").taken(),
        Column::text("consent_prompt", 500).nullable().taken(),
        Column::form("handoff_number", 16, Form::Phone).nullable().taken(),
        Column::choice("status", &["draft", "active", "paused", "archived"]),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_voice_bots_14", "settings", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_voice_bots_15",
            "consent_prompt",
            "must keep to: (NOT record_calls) OR (consent_prompt IS NOT NULL)",
        ),
        Rule::new("uq_voice_bots_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
