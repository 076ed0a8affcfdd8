//! `/v1/plugins/{plugin_id}/reviews`.

use botbuilder_store::plugins::plugin_reviews::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "review", Area::Plugin, "/v1/plugins/{plugin_id}/reviews").log().routes()
}
