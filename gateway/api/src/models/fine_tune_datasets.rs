//! `/v1/models/{model_id}/datasets`.

use botbuilder_store::models::fine_tune_datasets::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "dataset", Area::Model, "/v1/models/{model_id}/datasets")
        .log()
        .deletable()
        .restorable()
        .unavailable("validate", Verb::Execute, "data sets are not read yet")
        .unavailable("convert", Verb::Execute, "data sets are not read yet")
        .unanswered("preview", "data sets are not read yet")
        .routes()
}
