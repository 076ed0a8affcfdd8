//! `/v1/health/customers/{health_score_id}/history`.

use botbuilder_store::recovery::customer_health_score_history::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(
        &TABLE,
        "health history entry",
        Area::Health,
        "/v1/health/customers/{health_score_id}/history",
    )
    .listable()
    .routes()
}
