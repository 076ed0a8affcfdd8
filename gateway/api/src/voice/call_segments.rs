//! `/v1/calls/{call_id}/segments`.

use botbuilder_store::voice::call_segments::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "call segment", Area::Voice, "/v1/calls/{call_id}/segments").listable().routes()
}
