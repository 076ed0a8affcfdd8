//! `/v1/models/{model_id}/datasets`.

use axum::http::Method;
use botbuilder_store::models::fine_tune_datasets::TABLE;

use crate::{
    permission::{Area, Verb, write},
    resource::{Resource, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let (path, what) = ("/v1/models/{model_id}/datasets", "data sets are not read yet");
    let plain = Resource::new(&TABLE, "dataset", Area::Model, path)
        .log()
        .deletable()
        .restorable()
        .unavailable("validate", Verb::Execute, what)
        .unavailable("convert", Verb::Execute, what)
        .unanswered("preview", what)
        .routes();
    missing(plain, &Method::POST, path, write(Area::Model), what)
}
