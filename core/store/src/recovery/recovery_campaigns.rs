//! `recovery_campaigns`: rules that turn a risk event into a timed message sequence with attribution.

use crate::table::{Column, Form, Kind, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "recovery_campaigns",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable().taken(),
        Column::uuid("agent_id").nullable().taken(),
        Column::uuid("ab_test_id").nullable().taken(),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice(
            "kind",
            &[
                "cart_abandonment",
                "payment_failed",
                "inactivity",
                "churn_prevention",
                "winback",
                "trial_expiring",
                "renewal_reminder",
                "upsell",
                "custom",
            ],
        )
        .taken()
        .required(),
        Column::choice("status", &["draft", "scheduled", "active", "paused", "completed", "archived"]),
        Column::object("trigger").taken(),
        Column::object("audience").taken(),
        Column::array("steps").taken(),
        Column::texts("channel_kinds").taken(),
        Column::object("incentive").taken(),
        Column::boolean("personalize").taken(),
        Column::boolean("optimize_timing").taken(),
        Column::integer("holdout_bp", 0, 5000).taken(),
        Column::integer("max_messages_per_customer", 1, 20).taken(),
        Column::integer("cooldown_hours", 0, 8760).taken(),
        Column::integer("daily_cap", 0, 2_147_483_647).nullable().taken(),
        Column::new("quiet_start", Kind::Time).nullable().taken(),
        Column::new("quiet_end", Kind::Time).nullable().taken(),
        Column::text("timezone", 64).taken(),
        Column::instant("starts_at").nullable().taken(),
        Column::instant("ends_at").nullable().taken(),
        Column::integer("attribution_hours", 1, 2160).taken(),
        Column::choice("attribution", &["last_touch", "first_touch"]).taken(),
        Column::integer("budget", 0, i64::MAX).nullable().taken(),
        Column::form("currency", 3, Form::Currency).taken(),
        Column::integer("enrolled_count", 0, 2_147_483_647),
        Column::integer("sent_count", 0, 2_147_483_647),
        Column::integer("recovered_count", 0, 2_147_483_647),
        Column::integer("recovered_value", 0, i64::MAX),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_recovery_campaigns_22", "trigger", "has an unknown key, or a value of a wrong type"),
        Rule::new("ck_recovery_campaigns_23", "audience", "has an unknown key, or a value of a wrong type"),
        Rule::new("ck_recovery_campaigns_24", "incentive", "has an unknown key, or a value of a wrong type"),
        Rule::new("ck_recovery_campaigns_25", "steps", "is not a valid recovery steps"),
        Rule::new(
            "ck_recovery_campaigns_26",
            "steps",
            "must keep to: (status = ANY (ARRAY['draft', 'archived'])) OR (jsonb_array_length(steps) > 0)",
        ),
        Rule::new(
            "ck_recovery_campaigns_27",
            "quiet_end",
            "must keep to: (quiet_start IS NULL) = (quiet_end IS NULL)",
        ),
        Rule::new("uq_recovery_campaigns_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
