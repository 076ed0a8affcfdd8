//! Single sign-on.

pub mod sso_configurations;
pub mod sso_domains;
pub mod sso_login_logs;
pub mod sso_user_mappings;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        sso_domains::routes(),
        sso_configurations::routes(),
        sso_login_logs::routes(),
        sso_user_mappings::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
