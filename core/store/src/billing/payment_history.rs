//! `payment_history`: invoices, charges, refunds and credits as the payment provider reported them.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "payment_history",
    columns: &[
        Column::uuid("id"),
        Column::uuid("user_id").nullable(),
        Column::uuid("subscription_id").nullable(),
        Column::choice("kind", &["invoice", "charge", "refund", "credit"]),
        Column::choice("provider", &["stripe", "manual"]),
        Column::text("provider_ref", 128),
        Column::choice(
            "status",
            &["pending", "succeeded", "failed", "refunded", "partially_refunded", "disputed", "void"],
        ),
        Column::integer("amount", 0, i64::MAX),
        Column::integer("tax", 0, i64::MAX),
        Column::integer("refunded", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::text("failure_code", 64).nullable(),
        Column::text("failure_message", 500).nullable(),
        Column::text("description", 500).nullable(),
        Column::form("receipt_url", 2048, Form::Url).nullable(),
        Column::form("invoice_url", 2048, Form::Url).nullable(),
        Column::instant("period_start").nullable(),
        Column::instant("period_end").nullable(),
        Column::instant("paid_at").nullable(),
        Column::instant("next_retry_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("ck_payment_history_14", "refunded", "must keep to: refunded <= amount"),
        Rule::new("uq_payment_history_1", "provider_ref", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
