//! `sso_login_logs`: every SSO attempt, and the replay guard for assertions.

use crate::table::{Column, Form, Kind, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "sso_login_logs",
    columns: &[
        Column::uuid("id"),
        Column::uuid("configuration_id").nullable(),
        Column::uuid("user_id").nullable(),
        Column::form("email", 254, Form::Email).nullable(),
        Column::choice("protocol", &["saml", "oidc"]),
        Column::choice("stage", &["started", "callback", "logout"]),
        Column::choice("outcome", &["pending", "success", "failure"]),
        Column::choice(
            "failure_code",
            &[
                "none",
                "bad_signature",
                "expired",
                "replayed",
                "wrong_audience",
                "unknown_state",
                "domain_mismatch",
                "user_disabled",
                "not_provisioned",
                "provider_error",
            ],
        ),
        Column::text("failure_detail", 500).nullable(),
        Column::texts("groups_received"),
        Column::new("ip", Kind::Shown).nullable(),
        Column::text("user_agent", 512).nullable(),
        Column::integer("duration_ms", 0, 2_147_483_647).nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id", "state_hash", "assertion_hash"],
    rules: &[Rule::new("uq_sso_login_logs_1", "configuration_id", "is taken: there is one like it already")],
    ..Table::PLAIN
};
