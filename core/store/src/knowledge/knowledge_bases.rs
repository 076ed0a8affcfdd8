//! `knowledge_bases`: a searchable collection of documents with one embedding model.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "knowledge_bases",
    columns: &[
        Column::uuid("id"),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::text("language", 16).taken(),
        Column::choice("embedding_provider", &["builtin", "openai_compatible"]).once(),
        Column::uuid("embedding_integration_id").nullable().once(),
        Column::text("embedding_model", 120).once(),
        Column::integer("embedding_dims", 8, 1536),
        Column::choice("chunk_strategy", &["sentence", "heading", "fixed"]).taken(),
        Column::integer("chunk_size", 50, 4000).taken(),
        Column::integer("chunk_overlap", 0, 1000).taken(),
        Column::object("settings").taken(),
        Column::choice("status", &["active", "reindexing", "error", "archived"]),
        Column::integer("generation", 1, 1_000_000),
        Column::integer("document_count", 0, 2_147_483_647),
        Column::integer("chunk_count", 0, 2_147_483_647),
        Column::integer("token_count", 0, i64::MAX),
        Column::instant("last_indexed_at").nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_knowledge_bases_17", "chunk_overlap", "must keep to: chunk_overlap < chunk_size"),
        Rule::new(
            "ck_knowledge_bases_18",
            "embedding_integration_id",
            "must keep to: (embedding_provider = 'builtin') OR (embedding_integration_id IS NOT NULL)",
        ),
        Rule::new("ck_knowledge_bases_19", "settings", "has an unknown key, or a value of a wrong type"),
        Rule::new("uq_knowledge_bases_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
