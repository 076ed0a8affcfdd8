SET LOCAL ROLE bb_owner;

CREATE TABLE nlu_logs (
    id                 uuid             NOT NULL,
    organization_id    uuid             NOT NULL,
    bot_id             uuid             NOT NULL,
    channel_id         uuid,
    conversation_id    uuid,
    message_id         uuid,
    text               text             NOT NULL CONSTRAINT ck_nlu_logs_1 CHECK (char_length(text) <= 4000),
    language           text CONSTRAINT ck_nlu_logs_2 CHECK (char_length(language) <= 16),
    engine             text             NOT NULL
        CONSTRAINT ck_nlu_logs_3 CHECK (engine IN ('exact', 'keyword', 'fast', 'embedding', 'model', 'none')),
    corrected          boolean          NOT NULL DEFAULT false,
    model_version      integer          NOT NULL DEFAULT 0 CONSTRAINT ck_nlu_logs_4 CHECK (model_version >= 0),
    intent_id          uuid,
    intent_name        text CONSTRAINT ck_nlu_logs_5 CHECK (char_length(intent_name) <= 120),
    confidence         double precision NOT NULL DEFAULT 0
        CONSTRAINT ck_nlu_logs_6 CHECK (confidence BETWEEN 0 AND 1),
    score              numeric(4, 3),
    alternatives       jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_nlu_logs_7 CHECK (jsonb_typeof(alternatives) = 'array'),
    entities           jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_nlu_logs_8 CHECK (jsonb_typeof(entities) = 'array'),
    matched            boolean          NOT NULL DEFAULT false,
    latency_ms         integer          NOT NULL DEFAULT 0 CONSTRAINT ck_nlu_logs_9 CHECK (latency_ms >= 0),
    review_state       text             NOT NULL DEFAULT 'none'
        CONSTRAINT ck_nlu_logs_10 CHECK (review_state IN ('none', 'queued', 'labelled', 'dismissed')),
    labelled_intent_id uuid,
    labelled_by        uuid,
    labelled_at        timestamptz,
    created_at         timestamptz      NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_nlu_logs_11 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT fk_nlu_logs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE nlu_logs IS 'what the recognizer decided for each inbound text; source of the review queue';

CREATE INDEX ix_nlu_logs_1 ON nlu_logs (organization_id, bot_id, created_at DESC);
CREATE INDEX ix_nlu_logs_2 ON nlu_logs (organization_id, bot_id, intent_id, created_at DESC);
CREATE INDEX ix_nlu_logs_3 ON nlu_logs (organization_id, bot_id, confidence)
    WHERE NOT matched AND review_state = 'none';

RESET ROLE;
