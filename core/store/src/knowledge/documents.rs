//! `documents`: one source: uploaded file, web page, pasted text, FAQ list or synced record.

use crate::table::{Column, Form, Kind, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "documents",
    parent: Some(Parent { column: "knowledge_base_id", table: &super::knowledge_bases::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("knowledge_base_id"),
        Column::text("name", 255).taken().required(),
        Column::choice("source_type", &["upload", "url", "text", "sitemap", "faq", "integration"])
            .once()
            .required(),
        Column::form("source_url", 2048, Form::Url).nullable().once(),
        Column::text("storage_key", 512).nullable(),
        Column::text("mime_type", 120).nullable(),
        Column::integer("size_bytes", 0, i64::MAX),
        Column::text("language", 16).nullable().taken(),
        Column::object("metadata").taken(),
        Column::texts("audience").taken(),
        Column::choice(
            "status",
            &["pending", "extracting", "chunking", "embedding", "ready", "failed", "stale"],
        ),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::integer("chunk_count", 0, 2_147_483_647),
        Column::integer("token_count", 0, 2_147_483_647),
        Column::new("refresh_interval", Kind::Shown).nullable(),
        Column::instant("next_refresh_at").nullable(),
        Column::instant("processed_at").nullable(),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "content_hash", "claimed_until", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_documents_16",
            "source_url",
            "must keep to: (source_type <> ALL (ARRAY['url', 'sitemap'])) OR (source_url IS NOT NULL)",
        ),
        Rule::new("uq_documents_2", "knowledge_base_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
