SET LOCAL ROLE bb_owner;

-- A training takes minutes, must survive a restart of whoever runs it, and leaves a model that every process of the
-- runtime reads. The row is the job with its progress, and keeps the model: there it is written in the transaction that
-- makes the version current, and nodes need no file system in common. `entity_versions` keeps what is said of it.
CREATE TABLE nlu_trainings (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    bot_id          uuid        NOT NULL,
    status          text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_nlu_trainings_1 CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    stage           text        NOT NULL DEFAULT 'waiting'
        CONSTRAINT ck_nlu_trainings_2 CHECK (stage IN ('waiting', 'reading', 'learning', 'judging', 'storing', 'over')),
    progress        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_nlu_trainings_3 CHECK (progress BETWEEN 0 AND 100),
    attempts        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_nlu_trainings_4 CHECK (attempts >= 0),
    version         integer CONSTRAINT ck_nlu_trainings_5 CHECK (version >= 1),
    error_code      text CONSTRAINT ck_nlu_trainings_6 CHECK (char_length(error_code) <= 64),
    error_message   text CONSTRAINT ck_nlu_trainings_7 CHECK (char_length(error_message) <= 2000),
    model           bytea,
    taught          text CONSTRAINT ck_nlu_trainings_8 CHECK (char_length(taught) <= 64),  -- what the author had written, as a digest
    locked_by       text CONSTRAINT ck_nlu_trainings_9 CHECK (char_length(locked_by) <= 80),
    locked_until    timestamptz,
    started_at      timestamptz,
    finished_at     timestamptz,
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_nlu_trainings_10 CHECK ((status = 'succeeded') = (version IS NOT NULL)),
    CONSTRAINT ck_nlu_trainings_11 CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT fk_nlu_trainings_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_nlu_trainings_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_nlu_trainings_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE nlu_trainings IS 'one training of a bot''s understanding: the job, its progress, and the model it made';

-- Two trainings of one bot at a time would be work for nothing.
CREATE UNIQUE INDEX uq_nlu_trainings_1 ON nlu_trainings (organization_id, bot_id) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX uq_nlu_trainings_2 ON nlu_trainings (organization_id, bot_id, version) WHERE version IS NOT NULL;
CREATE INDEX ix_nlu_trainings_1 ON nlu_trainings (created_at) WHERE status IN ('queued', 'running');
-- for foreign keys that no index above serves
CREATE INDEX ix_nlu_trainings_2 ON nlu_trainings (organization_id, bot_id, id);

CREATE TRIGGER touch BEFORE UPDATE ON nlu_trainings
    FOR EACH ROW EXECUTE FUNCTION app.touch();

ALTER TABLE nlu_trainings ENABLE ROW LEVEL SECURITY;
ALTER TABLE nlu_trainings FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON nlu_trainings TO bb_admin, bb_purge USING (true) WITH CHECK (true);
CREATE POLICY tenant_isolation ON nlu_trainings TO bb_app
    USING (organization_id = (SELECT app.current_org()))
    WITH CHECK (organization_id = (SELECT app.current_org()));
CREATE POLICY queue_read ON nlu_trainings FOR SELECT TO bb_worker USING (true);
CREATE POLICY queue_claim ON nlu_trainings FOR UPDATE TO bb_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON nlu_trainings TO bb_app;
GRANT SELECT, UPDATE ON nlu_trainings TO bb_worker;
GRANT SELECT, DELETE ON nlu_trainings TO bb_purge;
GRANT SELECT ON nlu_trainings TO bb_admin;

RESET ROLE;
