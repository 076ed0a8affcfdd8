//! `entity_values`: canonical value of a list entity and its synonyms.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "entity_values",
    parent: Some(Parent { column: "entity_id", table: &super::entities::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("entity_id"),
        Column::text("value", 200).taken().required(),
        Column::texts("synonyms").taken(),
        Column::text("language", 16).taken(),
        Column::object("metadata").taken(),
        Column::integer("sort_order", -2_147_483_648, 2_147_483_647).taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_entity_values_1", "value", "is taken: there is one like it already")],
    ..Table::PLAIN
};
