//! `clone_responses`: a text the clone produced, what the person did with it, and the rating.

use crate::table::{Column, Kind, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "clone_responses",
    parent: Some(Parent { column: "clone_id", table: &super::work_clones::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("clone_id"),
        Column::uuid("session_id").nullable(),
        Column::uuid("user_id").nullable(),
        Column::choice("kind", &["email", "chat", "document", "social"]),
        Column::text("prompt", 16_000),
        Column::text("response", 50_000),
        Column::text("edited_response", 50_000).nullable(),
        Column::new("sample_ids", Kind::Uuids),
        Column::integer("generation", 0, 2_147_483_647),
        Column::integer("input_tokens", 0, 2_147_483_647),
        Column::integer("output_tokens", 0, 2_147_483_647),
        Column::integer("latency_ms", 0, 2_147_483_647).nullable(),
        Column::number("similarity", 0.0, 1.0).nullable(),
        Column::integer("rating", 1, 5).nullable(),
        Column::text("feedback", 2000).nullable(),
        Column::choice("outcome", &["pending", "used", "edited", "discarded"]),
        Column::instant("outcome_at").nullable(),
        Column::uuid("message_id").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new(
        "ck_clone_responses_13",
        "outcome",
        "must keep to: (outcome <> 'edited') OR (edited_response IS NOT NULL)",
    )],
    ..Table::PLAIN
};
