//! `channels` as the API shows it.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "channels",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable().taken(),
        Column::choice(
            "type",
            &[
                "whatsapp",
                "telegram",
                "slack",
                "messenger",
                "instagram",
                "discord",
                "sms",
                "email",
                "web",
                "webhook",
                "voice",
            ],
        )
        .once()
        .required(),
        Column::text("name", 120).taken().required(),
        Column::text("public_id", 32),
        Column::choice("status", &["pending", "active", "paused", "error", "disconnected"]),
        Column::text("provider_account_id", 128).nullable().taken(),
        Column::text("provider_business_id", 128).nullable(),
        Column::text("display_handle", 128).nullable(),
        Column::object("capabilities"),
        Column::object("settings").taken(),
        Column::number("rate_per_second", 0.01, 100_000.0).nullable().taken(),
        Column::instant("token_expires_at").nullable(),
        Column::instant("credentials_rotated_at").nullable(),
        Column::instant("last_inbound_at").nullable(),
        Column::instant("last_outbound_at").nullable(),
        Column::choice("health", &["unknown", "healthy", "degraded", "down"]),
        Column::instant("health_checked_at").nullable(),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &[
        "organization_id",
        "credentials_ct",
        "credentials_kid",
        "webhook_secret_ct",
        "webhook_secret_kid",
        "deleted_at",
    ],
    rules: &[
        Rule::new("ck_channels_14", "settings", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_channels_15",
            "type",
            "must keep to: (status <> 'active') OR (type = ANY (ARRAY['web', 'webhook'])) OR (credentials_ct IS NOT NULL)",
        ),
        Rule::new("uq_channels_2", "public_id", "is taken: there is one like it already"),
        Rule::new("uq_channels_3", "provider_account_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
