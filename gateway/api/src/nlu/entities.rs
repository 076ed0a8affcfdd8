//! `/v1/bots/{bot_id}/entities`.

use botbuilder_store::nlu::entities::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "entity", Area::Nlu, "/v1/bots/{bot_id}/entities").full().routes()
}
