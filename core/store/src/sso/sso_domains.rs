//! `sso_domains`: an e-mail domain claimed by an organization and proven by DNS or a well-known file.

use crate::table::{Column, Form, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "sso_domains",
    columns: &[
        Column::uuid("id"),
        Column::uuid("configuration_id").once().required(),
        Column::form("domain", 253, Form::Checked).once().required(),
        Column::choice("status", &["pending", "verified", "failed", "expired"]),
        Column::choice("method", &["dns_txt", "dns_cname", "http_file"]).once(),
        Column::text("verification_token", 64),
        Column::instant("verified_at").nullable(),
        Column::instant("last_checked_at").nullable(),
        Column::instant("next_check_at").nullable(),
        Column::integer("check_count", 0, 2_147_483_647),
        Column::text("failure_reason", 300).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_sso_domains_1",
            "domain",
            "must keep to: (domain ~* '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$') AND (char_length(domain) <= 253)",
        ),
        Rule::new(
            "ck_sso_domains_7",
            "verified_at",
            "must keep to: (NOT (status = 'verified')) OR (verified_at IS NOT NULL)",
        ),
        Rule::new("uq_sso_domains_1", "domain", "is taken: there is one like it already"),
        Rule::new("uq_sso_domains_2", "domain", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};
