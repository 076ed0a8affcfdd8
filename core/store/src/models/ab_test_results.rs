//! `ab_test_results`: one row per experiment subject: assignment, exposure, conversion and metric sums.

use crate::table::{Column, Form, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "ab_test_results",
    parent: Some(Parent { column: "ab_test_id", table: &super::ab_tests::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("ab_test_id"),
        Column::text("subject_key", 128),
        Column::text("variant_key", 32),
        Column::uuid("contact_id").nullable(),
        Column::boolean("forced"),
        Column::instant("assigned_at"),
        Column::instant("first_exposed_at").nullable(),
        Column::integer("exposure_count", 0, 2_147_483_647),
        Column::instant("first_converted_at").nullable(),
        Column::integer("conversion_count", 0, 2_147_483_647),
        Column::integer("value", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency).nullable(),
        Column::integer("metric_n", 0, 2_147_483_647),
        Column::number("metric_sum", -1_000_000_000.0, 1_000_000_000.0),
        Column::number("metric_sum_sq", -1_000_000_000.0, 1_000_000_000.0),
        Column::object("metadata"),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_ab_test_results_9",
            "first_converted_at",
            "must keep to: (first_converted_at IS NULL) OR (first_exposed_at IS NOT NULL)",
        ),
        Rule::new("uq_ab_test_results_1", "subject_key", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
