//! `recovery_events`: something that puts revenue at risk, and the progress of winning it back.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "recovery_events",
    columns: &[
        Column::uuid("id"),
        Column::uuid("campaign_id").nullable().once(),
        Column::text("customer_ref", 255).once().required(),
        Column::uuid("contact_id").nullable().once(),
        Column::form("customer_email", 254, Form::Email).nullable().once(),
        Column::form("customer_phone", 16, Form::Phone).nullable().once(),
        Column::text("customer_name", 200).nullable().once(),
        Column::choice(
            "event_type",
            &[
                "cart_abandoned",
                "checkout_abandoned",
                "payment_failed",
                "subscription_canceled",
                "trial_expiring",
                "renewal_due",
                "inactive",
                "downgrade",
                "churn_risk",
                "negative_feedback",
                "purchase",
                "custom",
            ],
        )
        .once()
        .required(),
        Column::choice("source", &["api", "webhook", "ecommerce", "billing", "health", "system"])
            .once()
            .required(),
        Column::text("source_event_id", 255).once().required(),
        Column::instant("occurred_at").once().required(),
        Column::instant("expires_at").nullable().once(),
        Column::object("payload").once(),
        Column::integer("value", 0, i64::MAX).nullable().once(),
        Column::form("currency", 3, Form::Currency).nullable().once(),
        Column::number("probability", 0.0, 1.0).nullable(),
        Column::choice(
            "status",
            &[
                "pending",
                "enrolled",
                "in_sequence",
                "recovered",
                "partially_recovered",
                "lost",
                "expired",
                "opted_out",
                "suppressed",
                "holdout",
            ],
        ),
        Column::text("suppressed_reason", 64).nullable(),
        Column::integer("step_no", 0, 2_147_483_647),
        Column::instant("next_step_at").nullable(),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::instant("recovered_at").nullable(),
        Column::integer("recovered_value", 0, i64::MAX).nullable(),
        Column::uuid("attributed_message_id").nullable(),
        Column::text("order_ref", 255).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "claimed_until"],
    rules: &[
        Rule::new(
            "ck_recovery_events_19",
            "recovered_value",
            "must keep to: (recovered_value IS NULL) = (recovered_at IS NULL)",
        ),
        Rule::new(
            "ck_recovery_events_20",
            "recovered_at",
            "must keep to: (status <> ALL (ARRAY['recovered', 'partially_recovered'])) OR (recovered_at IS NOT NULL)",
        ),
    ],
    ..Table::PLAIN
};
