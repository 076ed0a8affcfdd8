//! `sso_configurations`: a SAML or OIDC identity provider of an organization, and its provisioning rules.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "sso_configurations",
    columns: &[
        Column::uuid("id"),
        Column::choice("protocol", &["saml", "oidc"]).once().required(),
        Column::choice("preset", &["generic", "azure_ad", "okta", "google", "onelogin", "keycloak"]).taken(),
        Column::text("name", 120).taken().required(),
        Column::choice("status", &["draft", "testing", "enabled", "disabled"]),
        Column::boolean("is_enforced").taken(),
        Column::text("idp_entity_id", 500).nullable().taken(),
        Column::form("idp_sso_url", 2048, Form::Url).nullable().taken(),
        Column::form("idp_slo_url", 2048, Form::Url).nullable().taken(),
        Column::texts("idp_certificates").taken(),
        Column::boolean("sign_requests").taken(),
        Column::text("name_id_format", 120).nullable().taken(),
        Column::integer("clock_skew_seconds", 0, 300).taken(),
        Column::form("issuer_url", 2048, Form::Url).nullable().taken(),
        Column::text("client_id", 255).nullable().taken(),
        Column::texts("scopes").taken(),
        Column::object("endpoints"),
        Column::instant("endpoints_fetched_at").nullable(),
        Column::object("attribute_mapping").taken(),
        Column::array("group_mapping").taken(),
        Column::uuid("default_role_id").taken().required(),
        Column::boolean("jit_enabled").taken(),
        Column::integer("session_minutes", 5, 20_160).taken(),
        Column::boolean("scim_enabled").taken(),
        Column::choice("scim_deprovision", &["suspend", "remove"]).taken(),
        Column::instant("last_tested_at").nullable(),
        Column::object("last_test"),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &[
        "organization_id",
        "sp_private_key_ct",
        "sp_private_key_kid",
        "client_secret_ct",
        "client_secret_kid",
        "deleted_at",
    ],
    rules: &[
        Rule::new("ck_sso_configurations_20", "idp_certificates", "does not fit the other fields"),
        Rule::new("ck_sso_configurations_21", "client_id", "does not fit the other fields"),
        Rule::new(
            "ck_sso_configurations_22",
            "is_enforced",
            "must keep to: (NOT is_enforced) OR (status = 'enabled')",
        ),
        Rule::new(
            "ck_sso_configurations_23",
            "attribute_mapping",
            "has an unknown key, or a value of a wrong type",
        ),
        Rule::new("uq_sso_configurations_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
