//! `plugin_categories`: shelves of the marketplace.

use crate::table::{Column, Form, Rule, Table, Tenancy};

/// The table.
pub static TABLE: Table = Table {
    name: "plugin_categories",
    columns: &[
        Column::uuid("id"),
        Column::form("slug", 63, Form::Slug),
        Column::text("name", 80),
        Column::text("description", 500).nullable(),
        Column::text("icon", 64).nullable(),
        Column::integer("sort_order", -2_147_483_648, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    rules: &[Rule::new("uq_plugin_categories_1", "slug", "is taken: there is one like it already")],
    tenancy: Tenancy::Policy,
    ..Table::PLAIN
};
