SET LOCAL ROLE bb_owner;

DROP TABLE fine_tuning_metrics;
DROP TABLE fine_tune_jobs;
DROP TABLE fine_tune_datasets;
DROP TABLE fine_tune_models;

RESET ROLE;
