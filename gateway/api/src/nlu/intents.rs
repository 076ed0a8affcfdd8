//! `/v1/bots/{bot_id}/intents`.

use botbuilder_store::nlu::intents::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "intent", Area::Nlu, "/v1/bots/{bot_id}/intents").full().routes()
}
