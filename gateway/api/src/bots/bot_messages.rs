//! `/v1/bots/{bot_id}/messages`.

use botbuilder_store::bots::bot_messages::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "bot message", Area::Bot, "/v1/bots/{bot_id}/messages").full().routes()
}
