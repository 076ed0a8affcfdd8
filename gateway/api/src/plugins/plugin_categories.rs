//! `/v1/plugin-categories`.

use botbuilder_store::plugins::plugin_categories::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "plugin category", Area::Plugin, "/v1/plugin-categories").listable().routes()
}
