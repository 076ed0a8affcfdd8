//! Single sign-on (chapter 4.16 of the schema). The tables as the API lists them, and beside them what signing in
//! ([`connections`], [`people`], [`attempts`]) and provisioning ([`scim_users`], [`scim_groups`]) do with them; all of
//! that before a tenant is known, so it needs [`crate::Store::begin_auth`].

pub mod attempts;
pub mod connections;
pub mod domains;
pub mod people;
pub mod scim_groups;
pub mod scim_users;
pub mod sso_configurations;
pub mod sso_domains;
pub mod sso_login_logs;
pub mod sso_user_mappings;
