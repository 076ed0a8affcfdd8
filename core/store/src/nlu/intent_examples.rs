//! `intent_examples`: a training utterance with optional annotated entity spans.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "intent_examples",
    parent: Some(Parent { column: "intent_id", table: &super::intents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("intent_id"),
        Column::uuid("bot_id"),
        Column::text("text", 1000).taken().required(),
        Column::text("text_key", 64),
        Column::text("language", 16).taken(),
        Column::choice("source", &["manual", "import", "log", "generated", "voice"]).taken(),
        Column::array("entities").taken(),
        Column::text("embedding_model", 120).nullable(),
        Column::instant("embedded_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "embedding"],
    rules: &[
        Rule::new("ck_intent_examples_6", "embedding", "must keep to: l2_norm(embedding) > (0)"),
        Rule::new("uq_intent_examples_1", "language", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
