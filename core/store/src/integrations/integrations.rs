//! `integrations`: a configured external service: model provider, speech, carrier, CRM, shop, outgoing webhook.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "integrations",
    columns: &[
        Column::uuid("id"),
        Column::choice(
            "category",
            &[
                "model",
                "embedding",
                "speech",
                "telephony",
                "crm",
                "ecommerce",
                "helpdesk",
                "calendar",
                "storage",
                "email",
                "payment",
                "webhook",
                "automation",
            ],
        )
        .once()
        .required(),
        Column::text("provider", 64).once().required(),
        Column::text("name", 120).taken().required(),
        Column::uuid("bot_id").nullable().taken(),
        Column::object("config").taken(),
        Column::texts("scopes").taken(),
        Column::texts("event_filter").taken(),
        Column::choice("status", &["pending", "connected", "degraded", "expired", "revoked", "error"]),
        Column::text("external_account_id", 128).nullable(),
        Column::instant("token_expires_at").nullable(),
        Column::instant("last_ok_at").nullable(),
        Column::integer("failure_count", 0, 2_147_483_647),
        Column::instant("disabled_at").nullable(),
        Column::text("last_error", 2000).nullable(),
        Column::instant("last_tested_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "credentials_ct", "credentials_kid", "deleted_at"],
    rules: &[
        Rule::new("ck_integrations_10", "config", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_integrations_11",
            "category",
            "must keep to: (category <> 'webhook') OR (credentials_ct IS NOT NULL)",
        ),
        Rule::new("uq_integrations_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
