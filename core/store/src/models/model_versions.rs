//! `model_versions`: a usable result of training.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "model_versions",
    parent: Some(Parent { column: "model_id", table: &super::fine_tune_models::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("model_id"),
        Column::uuid("job_id").nullable(),
        Column::integer("version", 1, 100_000),
        Column::text("provider_model_ref", 200),
        Column::text("description", 1000).nullable().taken(),
        Column::choice("status", &["candidate", "active", "production", "retired"]),
        Column::object("evaluation"),
        Column::number("score", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::instant("promoted_at").nullable(),
        Column::uuid("promoted_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("uq_model_versions_2", "version", "is taken: there is one like it already"),
        Rule::new("uq_model_versions_3", "model_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
