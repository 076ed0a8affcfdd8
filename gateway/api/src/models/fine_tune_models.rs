//! `/v1/models`.

use botbuilder_store::models::fine_tune_models::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "model", Area::Model, "/v1/models")
        .full()
        .unavailable("train", Verb::Execute, "models are not trained yet")
        .unavailable("estimate", Verb::Execute, "models are not trained yet")
        .unavailable("test", Verb::Execute, "models are not trained yet")
        .routes()
}
