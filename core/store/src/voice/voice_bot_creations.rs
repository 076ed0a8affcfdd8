//! `voice_bot_creations`: the pipeline that turns a spoken description into a draft bot.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "voice_bot_creations",
    columns: &[
        Column::uuid("id"),
        Column::uuid("template_id").nullable().once(),
        Column::text("language", 16).once(),
        Column::text("audio_key", 512).nullable(),
        Column::choice("audio_format", &["webm", "ogg", "wav", "mp3", "m4a", "flac"]).nullable(),
        Column::integer("audio_ms", 0, 2_147_483_647),
        Column::choice(
            "status",
            &[
                "recording",
                "uploaded",
                "transcribing",
                "transcribed",
                "extracting",
                "review",
                "generating",
                "completed",
                "failed",
                "canceled",
            ],
        ),
        Column::text("transcript", 50_000).nullable(),
        Column::number("transcript_confidence", 0.0, 1.0).nullable(),
        Column::text("extracted_name", 120).nullable().taken(),
        Column::text("extracted_description", 2000).nullable().taken(),
        Column::array("extracted_intents").taken(),
        Column::array("extracted_entities").taken(),
        Column::array("extracted_replies").taken(),
        Column::array("extracted_flows").taken(),
        Column::object("edits").taken(),
        Column::uuid("bot_id").nullable(),
        Column::text("model", 120).nullable(),
        Column::integer("processing_ms", 0, 2_147_483_647),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::instant("completed_at").nullable(),
        Column::instant("audio_expires_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new(
        "ck_voice_bot_creations_19",
        "completed_at",
        "must keep to: (NOT (status = 'completed')) OR ((bot_id IS NOT NULL) OR (completed_at IS NOT NULL))",
    )],
    ..Table::PLAIN
};
