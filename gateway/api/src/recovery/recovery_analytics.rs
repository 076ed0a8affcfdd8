//! `/v1/recovery/analytics`.

use botbuilder_store::recovery::recovery_analytics::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "recovery figure", Area::Recovery, "/v1/recovery/analytics").listable().routes()
}
