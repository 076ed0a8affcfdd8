//! `plugin_installations`: a plugin installed in an organization with the permissions it was granted.

use crate::table::{Column, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "plugin_installations",
    columns: &[
        Column::uuid("id"),
        Column::uuid("plugin_id"),
        Column::uuid("version_id"),
        Column::choice("status", &["installing", "active", "disabled", "error", "uninstalled"]),
        Column::texts("granted_permissions"),
        Column::object("settings").taken(),
        Column::boolean("auto_update").taken(),
        Column::uuid("update_version_id").nullable(),
        Column::uuid("installed_by").nullable(),
        Column::instant("activated_at").nullable(),
        Column::instant("uninstalled_at").nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::integer("call_count", 0, i64::MAX),
        Column::integer("failure_count", 0, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "secrets_ct", "secrets_kid"],
    rules: &[Rule::new("uq_plugin_installations_2", "plugin_id", "is taken: there is one like it already")],
    ..Table::PLAIN
};
