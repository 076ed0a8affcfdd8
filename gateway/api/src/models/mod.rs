//! Model training and experiments.

pub mod fine_tune_datasets;
pub mod fine_tune_models;
pub mod model_versions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [fine_tune_datasets::routes(), fine_tune_models::routes(), model_versions::routes()]
        .into_iter()
        .fold(Routes::new(), Routes::merge)
}
