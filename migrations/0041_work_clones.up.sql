SET LOCAL ROLE bb_owner;

CREATE TABLE work_clones (
    id                      uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id         uuid             NOT NULL,
    subject_user_id         uuid             NOT NULL,
    bot_id                  uuid,
    name                    text             NOT NULL
        CONSTRAINT ck_work_clones_1 CHECK (char_length(name) <= 120),
    description             text CONSTRAINT ck_work_clones_2 CHECK (char_length(description) <= 2000),
    avatar_url              text
        CONSTRAINT ck_work_clones_3 CHECK (avatar_url ~* '^https?://[^[:space:]]+$' AND char_length(avatar_url) <= 2048),
    status                  text             NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_work_clones_4 CHECK (status IN ('draft', 'training', 'ready', 'failed', 'archived')),
    visibility              text             NOT NULL DEFAULT 'private'
        CONSTRAINT ck_work_clones_5 CHECK (visibility IN ('private', 'organization')),
    consent_at              timestamptz,
    consent_by              uuid,
    provider_integration_id uuid,
    model                   text             NOT NULL
        CONSTRAINT ck_work_clones_6 CHECK (char_length(model) <= 120),
    temperature             numeric(3, 2)    NOT NULL DEFAULT 0.7,
    max_tokens              integer          NOT NULL DEFAULT 2048
        CONSTRAINT ck_work_clones_7 CHECK (max_tokens BETWEEN 1 AND 32768),
    base_instructions       text CONSTRAINT ck_work_clones_8 CHECK (char_length(base_instructions) <= 16000),
    style_summary           text CONSTRAINT ck_work_clones_9 CHECK (char_length(style_summary) <= 16000),
    style                   jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_work_clones_10 CHECK (jsonb_typeof(style) = 'object'),
    tone                    jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_work_clones_11 CHECK (jsonb_typeof(tone) = 'object'),
    vocabulary              jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_work_clones_12 CHECK (jsonb_typeof(vocabulary) = 'object'),
    settings                jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_work_clones_13 CHECK (jsonb_typeof(settings) = 'object'),
    sample_count            integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_work_clones_14 CHECK (sample_count >= 0),
    training_score          double precision
        CONSTRAINT ck_work_clones_15 CHECK (training_score BETWEEN 0 AND 100),
    generation              integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_work_clones_16 CHECK (generation >= 0),
    trained_at              timestamptz,
    error_message           text CONSTRAINT ck_work_clones_17 CHECK (char_length(error_message) <= 2000),
    created_by              uuid,
    created_at              timestamptz      NOT NULL DEFAULT now(),
    updated_at              timestamptz      NOT NULL DEFAULT now(),
    deleted_at              timestamptz,
    lock_version            integer          NOT NULL DEFAULT 1,
    CONSTRAINT uq_work_clones_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_work_clones_18 CHECK (app.valid_settings('clone', settings)),
    CONSTRAINT ck_work_clones_19 CHECK (status NOT IN ('training', 'ready') OR consent_at IS NOT NULL),
    CONSTRAINT fk_work_clones_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_work_clones_subject_user_id FOREIGN KEY (subject_user_id)
        REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT fk_work_clones_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE SET NULL (bot_id),
    CONSTRAINT fk_work_clones_consent_by FOREIGN KEY (consent_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_work_clones_provider_integration_id FOREIGN KEY (organization_id, provider_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (provider_integration_id),
    CONSTRAINT fk_work_clones_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE work_clones IS 'a writing assistant that imitates one person''s style, with that person''s consent';

CREATE UNIQUE INDEX uq_work_clones_2 ON work_clones (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_work_clones_1 ON work_clones (organization_id, status) WHERE deleted_at IS NULL;
CREATE INDEX ix_work_clones_2 ON work_clones (subject_user_id);
-- for foreign keys that no index above serves
CREATE INDEX ix_work_clones_3 ON work_clones (organization_id, bot_id);
CREATE INDEX ix_work_clones_4 ON work_clones (organization_id, provider_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON work_clones
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE clone_training_data (
    id              uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid             NOT NULL,
    clone_id        uuid             NOT NULL,
    kind            text             NOT NULL
        CONSTRAINT ck_clone_training_data_1 CHECK (kind IN ('email', 'document', 'chat', 'social', 'transcript', 'other')),
    source          text CONSTRAINT ck_clone_training_data_2 CHECK (char_length(source) <= 255),
    content         text             NOT NULL
        CONSTRAINT ck_clone_training_data_3 CHECK (char_length(content) <= 50000),
    content_hash    bytea            NOT NULL
        CONSTRAINT ck_clone_training_data_4 CHECK (octet_length(content_hash) = 32),
    language        text             NOT NULL DEFAULT 'en'
        CONSTRAINT ck_clone_training_data_5 CHECK (char_length(language) <= 16),
    features        jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_clone_training_data_6 CHECK (jsonb_typeof(features) = 'object'),
    quality         double precision CONSTRAINT ck_clone_training_data_7 CHECK (quality BETWEEN 0 AND 100),
    status          text             NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_clone_training_data_8 CHECK (status IN ('pending', 'processed', 'approved', 'rejected', 'failed')),
    processed_at    timestamptz,
    embedding       halfvec CONSTRAINT ck_clone_training_data_9 CHECK (l2_norm(embedding) > 0),
    embedding_model text CONSTRAINT ck_clone_training_data_10 CHECK (char_length(embedding_model) <= 120),
    error_message   text CONSTRAINT ck_clone_training_data_11 CHECK (char_length(error_message) <= 2000),
    created_by      uuid,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    updated_at      timestamptz      NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT fk_clone_training_data_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_training_data_clone_id FOREIGN KEY (organization_id, clone_id)
        REFERENCES work_clones (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_training_data_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE clone_training_data IS 'a writing sample';

CREATE UNIQUE INDEX uq_clone_training_data_1 ON clone_training_data (clone_id, content_hash)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_clone_training_data_1 ON clone_training_data (organization_id, clone_id, status)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_clone_training_data_2 ON clone_training_data USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)
    WITH (m = 16, ef_construction = 64)
    WHERE vector_dims(embedding) = 384;
CREATE INDEX ix_clone_training_data_3 ON clone_training_data (created_at) WHERE status = 'pending';
-- for foreign keys that no index above serves
CREATE INDEX ix_clone_training_data_4 ON clone_training_data (organization_id, clone_id);

CREATE TRIGGER touch BEFORE UPDATE ON clone_training_data
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE clone_sessions (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    clone_id        uuid        NOT NULL,
    user_id         uuid,
    conversation_id uuid,
    kind            text        NOT NULL DEFAULT 'chat'
        CONSTRAINT ck_clone_sessions_1 CHECK (kind IN ('reply', 'chat', 'rewrite', 'batch')),
    context         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_clone_sessions_2 CHECK (jsonb_typeof(context) = 'object'),
    message_count   integer     NOT NULL DEFAULT 0 CONSTRAINT ck_clone_sessions_3 CHECK (message_count >= 0),
    tokens          integer     NOT NULL DEFAULT 0 CONSTRAINT ck_clone_sessions_4 CHECK (tokens >= 0),
    ended_at        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_clone_sessions_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_clone_sessions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_sessions_clone_id FOREIGN KEY (organization_id, clone_id)
        REFERENCES work_clones (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_sessions_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_clone_sessions_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE SET NULL (conversation_id)
);
COMMENT ON TABLE clone_sessions IS 'a working session with a clone';

CREATE INDEX ix_clone_sessions_1 ON clone_sessions (organization_id, clone_id, created_at DESC);
CREATE INDEX ix_clone_sessions_2 ON clone_sessions (user_id, created_at DESC);
-- for foreign keys that no index above serves
CREATE INDEX ix_clone_sessions_3 ON clone_sessions (organization_id, conversation_id);

CREATE TRIGGER touch BEFORE UPDATE ON clone_sessions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE clone_responses (
    id              uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid             NOT NULL,
    clone_id        uuid             NOT NULL,
    session_id      uuid,
    user_id         uuid,
    kind            text             NOT NULL DEFAULT 'chat'
        CONSTRAINT ck_clone_responses_1 CHECK (kind IN ('email', 'chat', 'document', 'social')),
    prompt          text             NOT NULL
        CONSTRAINT ck_clone_responses_2 CHECK (char_length(prompt) <= 16000),
    response        text             NOT NULL
        CONSTRAINT ck_clone_responses_3 CHECK (char_length(response) <= 50000),
    edited_response text CONSTRAINT ck_clone_responses_4 CHECK (char_length(edited_response) <= 50000),
    sample_ids      uuid[]           NOT NULL DEFAULT '{}',
    generation      integer          NOT NULL DEFAULT 0 CONSTRAINT ck_clone_responses_5 CHECK (generation >= 0),
    input_tokens    integer          NOT NULL DEFAULT 0 CONSTRAINT ck_clone_responses_6 CHECK (input_tokens >= 0),
    output_tokens   integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_clone_responses_7 CHECK (output_tokens >= 0),
    latency_ms      integer CONSTRAINT ck_clone_responses_8 CHECK (latency_ms >= 0),
    similarity      double precision CONSTRAINT ck_clone_responses_9 CHECK (similarity BETWEEN 0 AND 1),
    rating          integer CONSTRAINT ck_clone_responses_10 CHECK (rating BETWEEN 1 AND 5),
    feedback        text CONSTRAINT ck_clone_responses_11 CHECK (char_length(feedback) <= 2000),
    outcome         text             NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_clone_responses_12 CHECK (outcome IN ('pending', 'used', 'edited', 'discarded')),
    outcome_at      timestamptz,
    message_id      uuid,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    updated_at      timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT ck_clone_responses_13 CHECK (outcome <> 'edited' OR edited_response IS NOT NULL),
    CONSTRAINT fk_clone_responses_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_responses_clone_id FOREIGN KEY (organization_id, clone_id)
        REFERENCES work_clones (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_clone_responses_session_id FOREIGN KEY (organization_id, session_id)
        REFERENCES clone_sessions (organization_id, id) ON DELETE SET NULL (session_id),
    CONSTRAINT fk_clone_responses_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE clone_responses IS 'a text the clone produced, what the person did with it, and the rating';

CREATE INDEX ix_clone_responses_1 ON clone_responses (organization_id, clone_id, created_at DESC);
CREATE INDEX ix_clone_responses_2 ON clone_responses (organization_id, clone_id, rating)
    WHERE rating IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_clone_responses_3 ON clone_responses (organization_id, session_id);

CREATE TRIGGER touch BEFORE UPDATE ON clone_responses
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
