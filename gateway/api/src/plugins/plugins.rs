//! `/v1/plugins`.

use botbuilder_store::plugins::plugins::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "plugin", Area::Plugin, "/v1/plugins").log().routes()
}
