//! `customer_health_scores`: current health of one customer of the organization.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "customer_health_scores",
    columns: &[
        Column::uuid("id"),
        Column::text("customer_ref", 255),
        Column::uuid("contact_id").nullable().taken(),
        Column::form("email", 254, Form::Email).nullable().taken(),
        Column::text("name", 200).nullable().taken(),
        Column::integer("score", 0, 100),
        Column::choice("grade", &["A", "B", "C", "D", "F"]),
        Column::number("churn_probability", 0.0, 1.0),
        Column::choice("risk", &["very_low", "low", "medium", "high", "critical"]),
        Column::choice("trend", &["improving", "stable", "declining", "critical_decline"]),
        Column::integer("previous_score", 0, 100).nullable(),
        Column::object("factors"),
        Column::object("inputs").taken(),
        Column::array("risk_factors"),
        Column::array("opportunities"),
        Column::array("recommended_actions"),
        Column::number("confidence", 0.0, 1.0),
        Column::text("model_version", 32),
        Column::instant("last_activity_at").nullable(),
        Column::instant("last_purchase_at").nullable(),
        Column::integer("lifetime_value", 0, i64::MAX).nullable(),
        Column::integer("monthly_value", 0, i64::MAX).nullable(),
        Column::form("currency", 3, Form::Currency).nullable(),
        Column::instant("calculated_at"),
        Column::instant("next_calculation_at"),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_customer_health_scores_20",
            "factors",
            "has an unknown key, or a value of a wrong type",
        ),
        Rule::new("uq_customer_health_scores_2", "customer_ref", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
