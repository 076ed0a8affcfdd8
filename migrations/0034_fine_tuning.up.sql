SET LOCAL ROLE bb_owner;

CREATE TABLE fine_tune_models (
    id                      uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id         uuid        NOT NULL,
    name                    text        NOT NULL
        CONSTRAINT ck_fine_tune_models_1 CHECK (char_length(name) <= 120),
    description             text CONSTRAINT ck_fine_tune_models_2 CHECK (char_length(description) <= 2000),
    provider_integration_id uuid,
    provider                text        NOT NULL
        CONSTRAINT ck_fine_tune_models_3 CHECK (provider IN ('openai_compatible', 'local')),
    base_model              text        NOT NULL
        CONSTRAINT ck_fine_tune_models_4 CHECK (char_length(base_model) <= 120),
    purpose                 text        NOT NULL DEFAULT 'chat'
        CONSTRAINT ck_fine_tune_models_5 CHECK (purpose IN ('chat', 'classification', 'style')),
    status                  text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_fine_tune_models_6 CHECK (status IN ('draft', 'ready', 'training', 'failed', 'archived')),
    default_hyperparameters jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_fine_tune_models_7 CHECK (jsonb_typeof(default_hyperparameters) = 'object'),
    total_cost              bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_fine_tune_models_8 CHECK (total_cost >= 0),
    currency                text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_fine_tune_models_9 CHECK (currency ~ '^[A-Z]{3}$'),
    last_trained_at         timestamptz,
    created_by              uuid,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    deleted_at              timestamptz,
    lock_version            integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_fine_tune_models_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_fine_tune_models_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tune_models_provider_integration_id FOREIGN KEY (organization_id, provider_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (provider_integration_id),
    CONSTRAINT fk_fine_tune_models_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE fine_tune_models IS 'a model an organization wants to customize';

CREATE UNIQUE INDEX uq_fine_tune_models_2 ON fine_tune_models (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_fine_tune_models_1 ON fine_tune_models (organization_id, status) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_fine_tune_models_2 ON fine_tune_models (organization_id, provider_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON fine_tune_models
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE fine_tune_datasets (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    model_id          uuid        NOT NULL,
    file_name         text        NOT NULL
        CONSTRAINT ck_fine_tune_datasets_1 CHECK (char_length(file_name) <= 255),
    storage_key       text        NOT NULL
        CONSTRAINT ck_fine_tune_datasets_2 CHECK (char_length(storage_key) <= 512),
    format            text        NOT NULL DEFAULT 'jsonl'
        CONSTRAINT ck_fine_tune_datasets_3 CHECK (format IN ('jsonl', 'csv', 'json')),
    split             text        NOT NULL DEFAULT 'train'
        CONSTRAINT ck_fine_tune_datasets_4 CHECK (split IN ('train', 'validation')),
    size_bytes        bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_fine_tune_datasets_5 CHECK (size_bytes >= 0),
    row_count         integer     NOT NULL DEFAULT 0 CONSTRAINT ck_fine_tune_datasets_6 CHECK (row_count >= 0),
    token_count       bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_fine_tune_datasets_7 CHECK (token_count >= 0),
    content_hash      bytea CONSTRAINT ck_fine_tune_datasets_8 CHECK (octet_length(content_hash) = 32),
    status            text        NOT NULL DEFAULT 'uploading'
        CONSTRAINT ck_fine_tune_datasets_9 CHECK (status IN ('uploading', 'validating', 'ready', 'invalid')),
    validation_report jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_fine_tune_datasets_10 CHECK (jsonb_typeof(validation_report) = 'object'),
    provider_file_ref text CONSTRAINT ck_fine_tune_datasets_11 CHECK (char_length(provider_file_ref) <= 128),
    created_by        uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    CONSTRAINT uq_fine_tune_datasets_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_fine_tune_datasets_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tune_datasets_model_id FOREIGN KEY (organization_id, model_id)
        REFERENCES fine_tune_models (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tune_datasets_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE fine_tune_datasets IS 'an uploaded training or validation file and its validation report';

CREATE UNIQUE INDEX uq_fine_tune_datasets_2 ON fine_tune_datasets (model_id, content_hash)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_fine_tune_datasets_1 ON fine_tune_datasets (organization_id, model_id, created_at DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_fine_tune_datasets_2 ON fine_tune_datasets (created_at) WHERE status = 'validating';
-- for foreign keys that no index above serves
CREATE INDEX ix_fine_tune_datasets_3 ON fine_tune_datasets (organization_id, model_id);

CREATE TRIGGER touch BEFORE UPDATE ON fine_tune_datasets
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE fine_tune_jobs (
    id                       uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id          uuid             NOT NULL,
    model_id                 uuid             NOT NULL,
    training_dataset_id      uuid             NOT NULL,
    validation_dataset_id    uuid,
    status                   text             NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_fine_tune_jobs_1 CHECK (status IN ('queued', 'uploading', 'validating', 'running', 'succeeded', 'failed', 'canceled')),
    provider_job_ref         text CONSTRAINT ck_fine_tune_jobs_2 CHECK (char_length(provider_job_ref) <= 128),
    hyperparameters          jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_fine_tune_jobs_3 CHECK (jsonb_typeof(hyperparameters) = 'object'),
    epochs                   integer CONSTRAINT ck_fine_tune_jobs_4 CHECK (epochs BETWEEN 1 AND 50),
    batch_size               integer CONSTRAINT ck_fine_tune_jobs_5 CHECK (batch_size BETWEEN 1 AND 4096),
    learning_rate_multiplier numeric(8, 5),
    progress                 double precision CONSTRAINT ck_fine_tune_jobs_6 CHECK (progress BETWEEN 0 AND 100),
    trained_tokens           bigint           NOT NULL DEFAULT 0
        CONSTRAINT ck_fine_tune_jobs_7 CHECK (trained_tokens >= 0),
    estimated_cost           bigint CONSTRAINT ck_fine_tune_jobs_8 CHECK (estimated_cost >= 0),
    cost                     bigint           NOT NULL DEFAULT 0 CONSTRAINT ck_fine_tune_jobs_9 CHECK (cost >= 0),
    currency                 text             NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_fine_tune_jobs_10 CHECK (currency ~ '^[A-Z]{3}$'),
    result_version_id        uuid,
    next_poll_at             timestamptz,
    poll_failures            integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_fine_tune_jobs_11 CHECK (poll_failures >= 0),
    error_code               text CONSTRAINT ck_fine_tune_jobs_12 CHECK (char_length(error_code) <= 64),
    error_message            text CONSTRAINT ck_fine_tune_jobs_13 CHECK (char_length(error_message) <= 2000),
    started_at               timestamptz,
    finished_at              timestamptz,
    requested_by             uuid,
    created_at               timestamptz      NOT NULL DEFAULT now(),
    updated_at               timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_fine_tune_jobs_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_fine_tune_jobs_3 UNIQUE (provider_job_ref),
    CONSTRAINT fk_fine_tune_jobs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tune_jobs_model_id FOREIGN KEY (organization_id, model_id)
        REFERENCES fine_tune_models (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tune_jobs_training_dataset_id FOREIGN KEY (organization_id, training_dataset_id)
        REFERENCES fine_tune_datasets (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_fine_tune_jobs_validation_dataset_id FOREIGN KEY (organization_id, validation_dataset_id)
        REFERENCES fine_tune_datasets (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_fine_tune_jobs_requested_by FOREIGN KEY (requested_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE fine_tune_jobs IS 'one training run at a provider';

CREATE UNIQUE INDEX uq_fine_tune_jobs_2 ON fine_tune_jobs (model_id)
    WHERE status IN ('queued', 'uploading', 'validating', 'running');
CREATE INDEX ix_fine_tune_jobs_1 ON fine_tune_jobs (next_poll_at)
    WHERE status IN ('queued', 'uploading', 'validating', 'running');
CREATE INDEX ix_fine_tune_jobs_2 ON fine_tune_jobs (organization_id, model_id, created_at DESC);
-- for foreign keys that no index above serves
CREATE INDEX ix_fine_tune_jobs_3 ON fine_tune_jobs (organization_id, training_dataset_id);
CREATE INDEX ix_fine_tune_jobs_4 ON fine_tune_jobs (organization_id, validation_dataset_id);

CREATE TRIGGER touch BEFORE UPDATE ON fine_tune_jobs
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE fine_tuning_metrics (
    id               uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid             NOT NULL,
    job_id           uuid             NOT NULL,
    step             integer          NOT NULL CONSTRAINT ck_fine_tuning_metrics_1 CHECK (step >= 0),
    epoch            numeric(8, 3),
    train_loss       double precision,
    valid_loss       double precision,
    train_accuracy   double precision,
    valid_accuracy   double precision,
    learning_rate    double precision,
    tokens_processed bigint           NOT NULL DEFAULT 0
        CONSTRAINT ck_fine_tuning_metrics_2 CHECK (tokens_processed >= 0),
    recorded_at      timestamptz      NOT NULL DEFAULT now(),
    created_at       timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_fine_tuning_metrics_1 UNIQUE (job_id, step),
    CONSTRAINT fk_fine_tuning_metrics_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_fine_tuning_metrics_job_id FOREIGN KEY (organization_id, job_id)
        REFERENCES fine_tune_jobs (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE fine_tuning_metrics IS 'training curve points of a job';

-- for foreign keys
CREATE INDEX ix_fine_tuning_metrics_1 ON fine_tuning_metrics (organization_id);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON fine_tuning_metrics
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
