//! `/v1/models/{model_id}/versions`.

use botbuilder_store::models::model_versions::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "model version", Area::Model, "/v1/models/{model_id}/versions")
        .log()
        .updatable()
        .moving(
            Transition::new("retire", &["candidate", "active", "production"], "retired")
                .needing(Verb::Publish),
        )
        .unanswered("compare", "versions are not evaluated yet")
        .routes()
}
