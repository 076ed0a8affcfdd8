//! `/v1/training-jobs`.

use botbuilder_store::models::fine_tune_jobs::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "training job", Area::Model, "/v1/training-jobs")
        .log()
        .moving(
            Transition::new("cancel", &["queued", "uploading", "validating", "running"], "canceled")
                .needing(Verb::Execute)
                .noting(&["finished_at"]),
        )
        .unanswered("stream", "models are not trained yet")
        .routes()
}
