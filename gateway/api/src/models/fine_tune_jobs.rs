//! `/v1/training-jobs`.

use botbuilder_store::models::fine_tune_jobs::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "training job", Area::Model, "/v1/training-jobs")
        .log()
        .unavailable("cancel", Verb::Execute, "models are not trained yet")
        .unanswered("stream", "models are not trained yet")
        .routes()
}
