//! `bots` as the API shows it.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "bots",
    columns: &[
        Column::uuid("id"),
        Column::text("name", 120).taken().required(),
        Column::form("slug", 63, Form::Slug).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::form("avatar_url", 2048, Form::Url).nullable().taken(),
        Column::text("language", 16).taken(),
        Column::choice("status", &["draft", "active", "paused", "archived"]),
        Column::instant("published_at").nullable(),
        Column::object("settings").taken(),
        Column::uuid("default_agent_id").nullable().taken(),
        Column::text("fallback_message", 2000).nullable().taken(),
        Column::choice("reply_mode", &["flow", "agent", "flow_then_agent", "webhook"]).taken(),
        Column::boolean("handoff_enabled").taken(),
        Column::number("intent_accept", 0.0, 1.5).nullable().taken(),
        Column::number("intent_ask", 0.0, 1.5).nullable().taken(),
        Column::choice("nlu_status", &["untrained", "stale", "training", "ready", "failed"]),
        Column::integer("nlu_model_version", 0, 2_147_483_647),
        Column::instant("nlu_trained_at").nullable(),
        Column::form("webhook_url", 2048, Form::Url).nullable().taken(),
        Column::texts("webhook_events").taken(),
        Column::instant("webhook_disabled_at").nullable(),
        Column::integer("webhook_failures", 0, 2_147_483_647),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "webhook_secret_ct", "webhook_secret_kid", "deleted_at"],
    rules: &[
        Rule::new("ck_bots_14", "settings", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_bots_15",
            "webhook_url",
            "must keep to: (webhook_url IS NULL) OR (webhook_secret_ct IS NOT NULL)",
        ),
        Rule::new("ck_bots_18", "intent_ask", "must keep to: intent_ask <= intent_accept"),
        Rule::new("uq_bots_2", "slug", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
