//! `/v1/entities/{entity_id}/values`.

use botbuilder_store::nlu::entity_values::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "entity value", Area::Nlu, "/v1/entities/{entity_id}/values").full().routes()
}
