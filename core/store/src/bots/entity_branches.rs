//! `entity_branches`: named line of work over the versions of one object.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "entity_branches",
    columns: &[
        Column::uuid("id"),
        Column::text("entity_type", 40).once().required(),
        Column::uuid("entity_id").once().required(),
        Column::text("name", 80).once().required(),
        Column::boolean("is_main"),
        Column::choice("status", &["open", "merged", "abandoned"]),
        Column::uuid("base_version_id").nullable().once(),
        Column::uuid("head_version_id").nullable(),
        Column::uuid("merged_version_id").nullable(),
        Column::instant("merged_at").nullable(),
        Column::uuid("merged_by").nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_entity_branches_4",
            "merged_at",
            "must keep to: (status = 'merged') = (merged_at IS NOT NULL)",
        ),
        Rule::new("ck_entity_branches_5", "status", "must keep to: (NOT is_main) OR (status = 'open')"),
        Rule::new("uq_entity_branches_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_entity_branches_3", "entity_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
