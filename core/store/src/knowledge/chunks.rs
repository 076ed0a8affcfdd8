//! `chunks`: a passage of a document with its embedding and full-text vector.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "chunks",
    parent: Some(Parent { column: "document_id", table: &super::documents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("document_id"),
        Column::uuid("knowledge_base_id"),
        Column::integer("generation", 1, 1_000_000),
        Column::integer("seq", 0, 2_147_483_647),
        Column::text("content", 20_000),
        Column::text("heading_path", 500).nullable(),
        Column::text("language", 16),
        Column::integer("token_count", 0, 2_147_483_647),
        Column::integer("char_start", 0, 2_147_483_647).nullable(),
        Column::integer("char_end", 0, 2_147_483_647).nullable(),
        Column::integer("page_no", 0, 2_147_483_647).nullable(),
        Column::object("metadata"),
        Column::text("embedding_model", 120).nullable(),
        Column::instant("embedded_at").nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id", "content_hash", "embedding", "content_tsv"],
    rules: &[
        Rule::new("ck_chunks_12", "embedding", "must keep to: l2_norm(embedding) > (0)"),
        Rule::new("uq_chunks_1", "seq", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
