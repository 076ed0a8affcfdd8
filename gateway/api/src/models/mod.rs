//! Model training and experiments.

pub mod ab_tests;
mod dataset;
pub mod experiment_apply;
pub mod experiment_results;
mod experiment_start;
pub mod experiment_timeline;
pub mod fine_tune_datasets;
pub mod fine_tune_jobs;
pub mod fine_tune_models;
pub mod fine_tuning_metrics;
pub mod model_versions;
pub mod public_experiments;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        ab_tests::routes(),
        experiment_apply::routes(),
        experiment_results::routes(),
        experiment_timeline::routes(),
        fine_tuning_metrics::routes(),
        fine_tune_jobs::routes(),
        fine_tune_datasets::routes(),
        fine_tune_models::routes(),
        model_versions::routes(),
        public_experiments::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
