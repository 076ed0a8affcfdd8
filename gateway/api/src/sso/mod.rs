//! Single sign-on: `/v1/sso` configures it, `/sso` is where browsers come and go.

mod browser;
mod connection;
pub mod domain_checks;
pub(crate) mod enforcement;
mod entry;
mod group_roles;
mod log_out;
mod oidc;
mod own_keys;
mod person;
pub(crate) mod providers;
mod saml;
pub mod sso_configurations;
pub mod sso_domains;
pub mod sso_login_logs;
pub mod sso_user_mappings;
mod started;

pub use browser::router;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        sso_domains::routes(),
        sso_configurations::routes(),
        connection::routes(),
        sso_login_logs::routes(),
        sso_user_mappings::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
