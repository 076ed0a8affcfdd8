//! `subscription_plans`: the plan catalogue.

use crate::table::{Column, Form, Rule, Table, Tenancy};

/// The table.
pub static TABLE: Table = Table {
    name: "subscription_plans",
    columns: &[
        Column::uuid("id"),
        Column::form("code", 63, Form::Slug),
        Column::text("name", 80),
        Column::text("description", 1000).nullable(),
        Column::form("currency", 3, Form::Currency),
        Column::integer("price_monthly", 0, i64::MAX),
        Column::integer("price_yearly", 0, i64::MAX).nullable(),
        Column::text("stripe_price_monthly", 64).nullable(),
        Column::text("stripe_price_yearly", 64).nullable(),
        Column::object("limits"),
        Column::object("features"),
        Column::object("overage"),
        Column::integer("trial_days", 0, 365),
        Column::boolean("is_public"),
        Column::boolean("is_active"),
        Column::integer("sort_order", -2_147_483_648, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    rules: &[
        Rule::new("ck_subscription_plans_13", "limits", "has an unknown key, or a value of a wrong type"),
        Rule::new("uq_subscription_plans_1", "code", "is taken: there is one like it already"),
        Rule::new(
            "uq_subscription_plans_2",
            "stripe_price_monthly",
            "is taken: there is one like it already",
        ),
        Rule::new("uq_subscription_plans_3", "stripe_price_yearly", "is taken: there is one like it already"),
    ],
    tenancy: Tenancy::Policy,
    ..Table::PLAIN
};
