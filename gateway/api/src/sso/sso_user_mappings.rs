//! `/v1/sso/users`.

use botbuilder_store::sso::sso_user_mappings::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on user", Area::Sso, "/v1/sso/users").log().deletable().routes()
}
