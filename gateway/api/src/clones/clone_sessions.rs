//! `/v1/clones/{clone_id}/sessions`.

use botbuilder_store::clones::clone_sessions::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "clone session", Area::Clone, "/v1/clones/{clone_id}/sessions").log().routes()
}
