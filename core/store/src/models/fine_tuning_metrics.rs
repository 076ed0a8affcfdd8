//! `fine_tuning_metrics`: training curve points of a job.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "fine_tuning_metrics",
    parent: Some(Parent { column: "job_id", table: &super::fine_tune_jobs::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("job_id"),
        Column::integer("step", 0, 2_147_483_647),
        Column::number("epoch", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("train_loss", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("valid_loss", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("train_accuracy", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("valid_accuracy", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("learning_rate", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::integer("tokens_processed", 0, i64::MAX),
        Column::instant("recorded_at"),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_fine_tuning_metrics_1", "step", "is taken: there is one like it already")],
    ..Table::PLAIN
};
