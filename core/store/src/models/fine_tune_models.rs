//! `fine_tune_models`: a model an organization wants to customize.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "fine_tune_models",
    columns: &[
        Column::uuid("id"),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::uuid("provider_integration_id").nullable().taken(),
        Column::choice("provider", &["openai_compatible", "local"]).once().required(),
        Column::text("base_model", 120).once().required(),
        Column::choice("purpose", &["chat", "classification", "style"]).once(),
        Column::choice("status", &["draft", "ready", "training", "failed", "archived"]),
        Column::object("default_hyperparameters").taken(),
        Column::integer("total_cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::instant("last_trained_at").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[Rule::new("uq_fine_tune_models_2", "name", "is taken: there is one like it already")],
    ..Table::PLAIN
};
