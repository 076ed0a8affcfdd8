//! `/v1/training-jobs/{job_id}/metrics`.

use botbuilder_store::models::fine_tuning_metrics::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "training metric", Area::Model, "/v1/training-jobs/{job_id}/metrics")
        .listable()
        .routes()
}
