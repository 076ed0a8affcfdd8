//! `/v1/clones/{clone_id}/responses`.

use botbuilder_store::clones::clone_responses::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "clone response", Area::Clone, "/v1/clones/{clone_id}/responses").log().routes()
}
