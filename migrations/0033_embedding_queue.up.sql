SET LOCAL ROLE bb_owner;

CREATE TABLE embedding_queue (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    target_type     text        NOT NULL
        CONSTRAINT ck_embedding_queue_1 CHECK (target_type IN ('chunk', 'intent_example', 'clone_sample')),
    target_id       uuid        NOT NULL,
    document_id     uuid,
    generation      integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_embedding_queue_2 CHECK (generation BETWEEN 1 AND 1000000),
    model           text        NOT NULL CONSTRAINT ck_embedding_queue_3 CHECK (char_length(model) <= 120),
    status          text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_embedding_queue_4 CHECK (status IN ('queued', 'running', 'done', 'failed', 'dead')),
    priority        integer     NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_embedding_queue_5 CHECK (attempts >= 0),
    max_attempts    integer     NOT NULL DEFAULT 5
        CONSTRAINT ck_embedding_queue_6 CHECK (max_attempts BETWEEN 1 AND 20),
    available_at    timestamptz NOT NULL DEFAULT now(),
    locked_by       text CONSTRAINT ck_embedding_queue_7 CHECK (char_length(locked_by) <= 80),
    locked_until    timestamptz,
    last_error      text CONSTRAINT ck_embedding_queue_8 CHECK (char_length(last_error) <= 2000),
    finished_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_embedding_queue_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_embedding_queue_document_id FOREIGN KEY (organization_id, document_id)
        REFERENCES documents (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE embedding_queue IS 'work queue of texts waiting for an embedding';

CREATE UNIQUE INDEX uq_embedding_queue_1 ON embedding_queue (target_type, target_id, generation)
    WHERE status IN ('queued', 'running');
CREATE INDEX ix_embedding_queue_1 ON embedding_queue (priority DESC, available_at) WHERE status = 'queued';
CREATE INDEX ix_embedding_queue_2 ON embedding_queue (locked_until) WHERE status = 'running';
CREATE INDEX ix_embedding_queue_3 ON embedding_queue (finished_at) WHERE status IN ('done', 'dead');
-- for foreign keys that no index above serves
CREATE INDEX ix_embedding_queue_4 ON embedding_queue (organization_id, document_id);

CREATE TRIGGER touch BEFORE UPDATE ON embedding_queue
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
