//! `whitelabel_settings`: branding, custom domain and mail identity of one organization.

use crate::table::{Column, Form, Rule, Table};

/// The table. Style sheets are not taken before there is a sanitizer for them.
pub static TABLE: Table = Table {
    name: "whitelabel_settings",
    columns: &[
        Column::uuid("id"),
        Column::text("brand_name", 100).taken().required(),
        Column::text("company_name", 160).nullable().taken(),
        Column::form("company_url", 2048, Form::Url).nullable().taken(),
        Column::form("logo_url", 2048, Form::Url).nullable().taken(),
        Column::form("logo_dark_url", 2048, Form::Url).nullable().taken(),
        Column::form("favicon_url", 2048, Form::Url).nullable().taken(),
        Column::form("primary_color", 7, Form::Color).taken(),
        Column::form("secondary_color", 7, Form::Color).nullable().taken(),
        Column::form("accent_color", 7, Form::Color).nullable().taken(),
        Column::form("background_color", 7, Form::Color).nullable().taken(),
        Column::form("text_color", 7, Form::Color).nullable().taken(),
        Column::form("custom_domain", 253, Form::Host).nullable().taken(),
        Column::choice("domain_status", &["none", "pending", "verified", "failed"]),
        Column::text("domain_token", 64).nullable(),
        Column::instant("domain_verified_at").nullable(),
        Column::choice("tls_status", &["none", "issuing", "active", "failed"]),
        Column::instant("tls_not_after").nullable(),
        Column::form("support_email", 254, Form::Email).nullable().taken(),
        Column::text("mail_from_name", 100).nullable().taken(),
        Column::form("mail_from_address", 254, Form::Email).nullable().taken(),
        Column::choice("mail_domain_status", &["none", "pending", "verified", "failed"]),
        Column::text("mail_footer", 2000).nullable().taken(),
        Column::form("privacy_url", 2048, Form::Url).nullable().taken(),
        Column::form("terms_url", 2048, Form::Url).nullable().taken(),
        Column::boolean("show_powered_by").taken(),
        Column::text("custom_css", 20_000).nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new("ck_whitelabel_settings_24", "custom_domain", "must be there while its state is not none"),
        Rule::new(
            "uq_whitelabel_settings_2",
            "custom_domain",
            "is taken: another organization has proved it",
        ),
    ],
    ..Table::PLAIN
};
