//! Model training and experiments (chapter 4.8 of the schema).

pub mod ab_test_results;
pub mod ab_tests;
pub mod fine_tune_datasets;
pub mod fine_tune_jobs;
pub mod fine_tune_models;
pub mod fine_tuning_metrics;
pub mod model_versions;
