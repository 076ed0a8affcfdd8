//! `sso_user_mappings`: link between a user and an identity at the provider.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "sso_user_mappings",
    columns: &[
        Column::uuid("id"),
        Column::uuid("configuration_id"),
        Column::uuid("user_id"),
        Column::text("external_id", 255),
        Column::text("scim_external_id", 255).nullable(),
        Column::form("email", 254, Form::Email).nullable(),
        Column::object("attributes"),
        Column::texts("groups"),
        Column::boolean("is_active"),
        Column::choice("provisioned_by", &["jit", "scim", "manual"]),
        Column::instant("last_login_at").nullable(),
        Column::instant("deprovisioned_at").nullable(),
        Column::integer("etag", 0, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("uq_sso_user_mappings_1", "external_id", "is taken: there is one like it already"),
        Rule::new("uq_sso_user_mappings_2", "user_id", "is taken: there is one like it already"),
        Rule::new("uq_sso_user_mappings_3", "scim_external_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
