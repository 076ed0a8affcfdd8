//! `/v1/plugins/{plugin_id}/versions`.

use botbuilder_store::plugins::plugin_versions::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "plugin version", Area::Plugin, "/v1/plugins/{plugin_id}/versions").log().routes()
}
