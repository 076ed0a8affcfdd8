//! `plugin_versions`: an immutable, signed release of a plugin.

use crate::table::{Column, Form, Parent, Rule, Table, Tenancy};

/// The table.
pub static TABLE: Table = Table {
    name: "plugin_versions",
    parent: Some(Parent { column: "plugin_id", table: &super::plugins::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("plugin_id"),
        Column::form("version", 64, Form::Checked).once().required(),
        Column::choice("runtime", &["wasm", "http", "declarative"]).once().required(),
        Column::object("manifest").once(),
        Column::texts("permissions").once(),
        Column::text("changelog", 8000).nullable().taken(),
        Column::text("artifact_key", 512).nullable(),
        Column::integer("artifact_bytes", 0, i64::MAX),
        Column::text("signing_key_id", 64).nullable(),
        Column::form("min_platform_version", 64, Form::Checked).nullable().once(),
        Column::choice("status", &["draft", "in_review", "published", "rejected", "yanked"]),
        Column::object("scan_report"),
        Column::instant("published_at").nullable(),
        Column::instant("yanked_at").nullable(),
        Column::text("yanked_reason", 500).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["artifact_sha256", "signature"],
    rules: &[
        Rule::new("ck_plugin_versions_1", "version", "must be a semantic version like 1.2.3"),
        Rule::new("ck_plugin_versions_13", "manifest", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_plugin_versions_14",
            "runtime",
            "must keep to: (runtime <> 'wasm') OR (status = 'draft') OR ((artifact_sha256 IS NOT NULL) AND (signature IS NOT NULL))",
        ),
        Rule::new("ck_plugin_versions_9", "min_platform_version", "must be a semantic version like 1.2.3"),
        Rule::new("uq_plugin_versions_1", "version", "is taken: there is one like it already"),
    ],
    tenancy: Tenancy::Policy,
};
