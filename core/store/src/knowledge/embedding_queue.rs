//! `embedding_queue`: work queue of texts waiting for an embedding.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "embedding_queue",
    columns: &[
        Column::uuid("id"),
        Column::choice("target_type", &["chunk", "intent_example", "clone_sample"]),
        Column::uuid("target_id"),
        Column::uuid("document_id").nullable(),
        Column::integer("generation", 1, 1_000_000),
        Column::text("model", 120),
        Column::choice("status", &["queued", "running", "done", "failed", "dead"]),
        Column::integer("priority", -2_147_483_648, 2_147_483_647),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::integer("max_attempts", 1, 20),
        Column::instant("available_at"),
        Column::text("last_error", 2000).nullable(),
        Column::instant("finished_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "locked_by", "locked_until"],
    rules: &[Rule::new("uq_embedding_queue_1", "generation", "is taken: there is one like it already")],
    ..Table::PLAIN
};
