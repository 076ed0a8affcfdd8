//! `clone_training_data`: a writing sample.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "clone_training_data",
    parent: Some(Parent { column: "clone_id", table: &super::work_clones::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("clone_id"),
        Column::choice("kind", &["email", "document", "chat", "social", "transcript", "other"])
            .taken()
            .required(),
        Column::text("source", 255).nullable().taken(),
        Column::text("content", 50_000).once().required(),
        Column::text("language", 16).taken(),
        Column::object("features"),
        Column::number("quality", 0.0, 100.0).nullable(),
        Column::choice("status", &["pending", "processed", "approved", "rejected", "failed"]),
        Column::instant("processed_at").nullable(),
        Column::text("embedding_model", 120).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "content_hash", "embedding", "deleted_at"],
    rules: &[
        Rule::new("ck_clone_training_data_9", "embedding", "must keep to: l2_norm(embedding) > (0)"),
        Rule::new("uq_clone_training_data_1", "clone_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
