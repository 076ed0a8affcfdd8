//! `fine_tune_jobs`: one training run at a provider.

use crate::table::{Column, Form, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "fine_tune_jobs",
    parent: Some(Parent { column: "model_id", table: &super::fine_tune_models::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("model_id"),
        Column::uuid("training_dataset_id"),
        Column::uuid("validation_dataset_id").nullable(),
        Column::choice(
            "status",
            &["queued", "uploading", "validating", "running", "succeeded", "failed", "canceled"],
        ),
        Column::text("provider_job_ref", 128).nullable(),
        Column::object("hyperparameters"),
        Column::integer("epochs", 1, 50).nullable(),
        Column::integer("batch_size", 1, 4096).nullable(),
        Column::number("learning_rate_multiplier", -1_000_000_000.0, 1_000_000_000.0).nullable(),
        Column::number("progress", 0.0, 100.0).nullable(),
        Column::integer("trained_tokens", 0, i64::MAX),
        Column::integer("estimated_cost", 0, i64::MAX).nullable(),
        Column::integer("cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::uuid("result_version_id").nullable(),
        Column::instant("next_poll_at").nullable(),
        Column::integer("poll_failures", 0, 2_147_483_647),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::uuid("requested_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("uq_fine_tune_jobs_2", "model_id", "is taken: there is one like it already"),
        Rule::new("uq_fine_tune_jobs_3", "provider_job_ref", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
