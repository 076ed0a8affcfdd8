//! `/v1/health/customers`.

use botbuilder_store::recovery::customer_health_scores::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "customer health score", Area::Health, "/v1/health/customers")
        .log()
        .updatable()
        .unavailable("recalculate", Verb::Execute, "health scores are not computed yet")
        .routes()
}
