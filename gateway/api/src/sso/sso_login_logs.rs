//! `/v1/sso/logins`.

use botbuilder_store::sso::sso_login_logs::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on login", Area::Sso, "/v1/sso/logins").log().routes()
}
