//! Single sign-on (chapter 4.16 of the schema).

pub mod sso_configurations;
pub mod sso_domains;
pub mod sso_login_logs;
pub mod sso_user_mappings;
