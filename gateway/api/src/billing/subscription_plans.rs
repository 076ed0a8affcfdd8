//! `/v1/plans`.

use botbuilder_store::billing::subscription_plans::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "plan", Area::Organization, "/v1/plans").log().routes()
}
