//! `widget_configs`: embeddable chat widget of a bot: look, behaviour, allowed sites.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "widget_configs",
    parent: Some(Parent { column: "bot_id", table: &crate::bots::bots::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::uuid("channel_id").nullable(),
        Column::text("public_key", 40),
        Column::boolean("is_enabled").taken(),
        Column::texts("allowed_origins").taken(),
        Column::object("theme").taken(),
        Column::object("behaviour").taken(),
        Column::text("greeting", 1000).nullable().taken(),
        Column::text("offline_message", 1000).nullable().taken(),
        Column::text("locale", 16).taken(),
        Column::boolean("require_identity").taken(),
        Column::choice("email_capture", &["off", "optional", "required"]).taken(),
        Column::boolean("uploads_enabled").taken(),
        Column::integer("max_upload_bytes", 0, 52_428_800).taken(),
        Column::boolean("voice_enabled").taken(),
        Column::integer("rate_per_minute", 1, 600).taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "identity_secret_ct", "identity_secret_kid"],
    rules: &[
        Rule::new("ck_widget_configs_11", "theme", "has an unknown key, or a value of a wrong type"),
        Rule::new("ck_widget_configs_12", "behaviour", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_widget_configs_13",
            "require_identity",
            "needs a secret to sign with first: POST .../widget/rotate-identity-secret makes one",
        ),
        Rule::new("uq_widget_configs_1", "bot_id", "is taken: there is one like it already"),
        Rule::new("uq_widget_configs_2", "public_key", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
