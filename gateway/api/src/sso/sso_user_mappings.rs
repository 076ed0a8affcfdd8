//! `/v1/sso/users`.

use botbuilder_store::sso::sso_user_mappings::TABLE;

use super::connection::fresh;
use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on user", Area::Sso, "/v1/sso/users")
        .log()
        .deletable()
        .asking(|api, _, caller, _, _| Box::pin(async move { fresh(api, caller) }))
        .routes()
}
