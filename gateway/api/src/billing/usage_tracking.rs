//! `/v1/usage`.

use botbuilder_store::billing::usage_tracking::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "usage record", Area::Usage, "/v1/usage").listable().routes()
}
