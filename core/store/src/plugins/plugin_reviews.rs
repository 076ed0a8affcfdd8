//! `plugin_reviews`: a rating by a member of an organization that has the plugin installed.

use crate::table::{Column, Parent, Rule, Table, Tenancy};

/// The table.
pub static TABLE: Table = Table {
    name: "plugin_reviews",
    parent: Some(Parent { column: "plugin_id", table: &super::plugins::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("plugin_id"),
        Column::uuid("version_id").nullable().once(),
        Column::uuid("user_id"),
        Column::integer("rating", 1, 5).taken().required(),
        Column::text("title", 120).nullable().taken(),
        Column::text("body", 4000).nullable().taken(),
        Column::choice("status", &["visible", "hidden", "flagged"]),
        Column::integer("helpful_count", 0, 2_147_483_647),
        Column::text("reply", 2000).nullable(),
        Column::uuid("replied_by").nullable(),
        Column::instant("replied_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[Rule::new("uq_plugin_reviews_1", "user_id", "is taken: there is one like it already")],
    // What is visible is read by everybody; the policies leave only the own ones to be changed.
    tenancy: Tenancy::Policy,
};
