//! `fine_tune_datasets`: an uploaded training or validation file and its validation report.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "fine_tune_datasets",
    parent: Some(Parent { column: "model_id", table: &super::fine_tune_models::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("model_id"),
        Column::text("file_name", 255).once().required(),
        Column::text("storage_key", 512),
        Column::choice("format", &["jsonl", "csv", "json"]).once(),
        Column::choice("split", &["train", "validation"]).once(),
        Column::integer("size_bytes", 0, i64::MAX),
        Column::integer("row_count", 0, 2_147_483_647),
        Column::integer("token_count", 0, i64::MAX),
        Column::choice("status", &["uploading", "validating", "ready", "invalid"]),
        Column::object("validation_report"),
        Column::text("provider_file_ref", 128).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "content_hash", "deleted_at"],
    rules: &[Rule::new("uq_fine_tune_datasets_2", "model_id", "is taken: there is one like it already")],
    ..Table::PLAIN
};
