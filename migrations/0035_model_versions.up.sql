SET LOCAL ROLE bb_owner;

CREATE TABLE model_versions (
    id                 uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid          NOT NULL,
    model_id           uuid          NOT NULL,
    job_id             uuid,
    version            integer       NOT NULL CONSTRAINT ck_model_versions_1 CHECK (version BETWEEN 1 AND 100000),
    provider_model_ref text          NOT NULL
        CONSTRAINT ck_model_versions_2 CHECK (char_length(provider_model_ref) <= 200),
    description        text CONSTRAINT ck_model_versions_3 CHECK (char_length(description) <= 1000),
    status             text          NOT NULL DEFAULT 'candidate'
        CONSTRAINT ck_model_versions_4 CHECK (status IN ('candidate', 'active', 'production', 'retired')),
    evaluation         jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_model_versions_5 CHECK (jsonb_typeof(evaluation) = 'object'),
    score              numeric(6, 3),
    promoted_at        timestamptz,
    promoted_by        uuid,
    created_at         timestamptz   NOT NULL DEFAULT now(),
    updated_at         timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT uq_model_versions_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_model_versions_2 UNIQUE (model_id, version),
    CONSTRAINT fk_model_versions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_model_versions_model_id FOREIGN KEY (organization_id, model_id)
        REFERENCES fine_tune_models (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_model_versions_job_id FOREIGN KEY (organization_id, job_id)
        REFERENCES fine_tune_jobs (organization_id, id) ON DELETE SET NULL (job_id),
    CONSTRAINT fk_model_versions_promoted_by FOREIGN KEY (promoted_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE model_versions IS 'a usable result of training; at most one per model serves production';

CREATE UNIQUE INDEX uq_model_versions_3 ON model_versions (model_id)
    WHERE status = 'production';
CREATE INDEX ix_model_versions_1 ON model_versions (organization_id, status);
-- for foreign keys that no index above serves
CREATE INDEX ix_model_versions_2 ON model_versions (organization_id, job_id);

CREATE TRIGGER touch BEFORE UPDATE ON model_versions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
