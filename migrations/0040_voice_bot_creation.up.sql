SET LOCAL ROLE bb_owner;

CREATE TABLE voice_bot_templates (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid,
    slug             text        NOT NULL
        CONSTRAINT ck_voice_bot_templates_1 CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name             text        NOT NULL CONSTRAINT ck_voice_bot_templates_2 CHECK (char_length(name) <= 120),
    description      text CONSTRAINT ck_voice_bot_templates_3 CHECK (char_length(description) <= 2000),
    category         text        NOT NULL DEFAULT 'custom'
        CONSTRAINT ck_voice_bot_templates_4 CHECK (category IN ('support', 'sales', 'faq', 'booking', 'survey', 'recovery', 'custom')),
    language         text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_voice_bot_templates_5 CHECK (char_length(language) <= 16),
    prompt           text        NOT NULL CONSTRAINT ck_voice_bot_templates_6 CHECK (char_length(prompt) <= 8000),
    example_phrases  text[]      NOT NULL DEFAULT '{}',
    default_intents  jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_templates_7 CHECK (jsonb_typeof(default_intents) = 'array'),
    default_entities jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_templates_8 CHECK (jsonb_typeof(default_entities) = 'array'),
    default_flow     jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bot_templates_9 CHECK (jsonb_typeof(default_flow) = 'object'),
    is_active        boolean     NOT NULL DEFAULT true,
    use_count        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_voice_bot_templates_10 CHECK (use_count >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    CONSTRAINT fk_voice_bot_templates_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
);
COMMENT ON TABLE voice_bot_templates IS 'starting points for bots described by voice; built in or owned by an organization';

CREATE UNIQUE INDEX uq_voice_bot_templates_1 ON voice_bot_templates (organization_id, slug, language) NULLS NOT DISTINCT
    WHERE deleted_at IS NULL;
CREATE INDEX ix_voice_bot_templates_1 ON voice_bot_templates (category)
    WHERE is_active AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_voice_bot_templates_2 ON voice_bot_templates (organization_id);

CREATE TRIGGER touch BEFORE UPDATE ON voice_bot_templates
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE voice_bot_creations (
    id                    uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id       uuid             NOT NULL,
    template_id           uuid,
    language              text             NOT NULL DEFAULT 'en'
        CONSTRAINT ck_voice_bot_creations_1 CHECK (char_length(language) <= 16),
    audio_key             text CONSTRAINT ck_voice_bot_creations_2 CHECK (char_length(audio_key) <= 512),
    audio_format          text
        CONSTRAINT ck_voice_bot_creations_3 CHECK (audio_format IN ('webm', 'ogg', 'wav', 'mp3', 'm4a', 'flac')),
    audio_ms              integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_voice_bot_creations_4 CHECK (audio_ms >= 0),
    status                text             NOT NULL DEFAULT 'recording'
        CONSTRAINT ck_voice_bot_creations_5 CHECK (status IN ('recording', 'uploaded', 'transcribing', 'transcribed', 'extracting', 'review', 'generating', 'completed', 'failed', 'canceled')),
    transcript            text CONSTRAINT ck_voice_bot_creations_6 CHECK (char_length(transcript) <= 50000),
    transcript_confidence double precision
        CONSTRAINT ck_voice_bot_creations_7 CHECK (transcript_confidence BETWEEN 0 AND 1),
    extracted_name        text CONSTRAINT ck_voice_bot_creations_8 CHECK (char_length(extracted_name) <= 120),
    extracted_description text
        CONSTRAINT ck_voice_bot_creations_9 CHECK (char_length(extracted_description) <= 2000),
    extracted_intents     jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_creations_10 CHECK (jsonb_typeof(extracted_intents) = 'array'),
    extracted_entities    jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_creations_11 CHECK (jsonb_typeof(extracted_entities) = 'array'),
    extracted_replies     jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_creations_12 CHECK (jsonb_typeof(extracted_replies) = 'array'),
    extracted_flows       jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_voice_bot_creations_13 CHECK (jsonb_typeof(extracted_flows) = 'array'),
    edits                 jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bot_creations_14 CHECK (jsonb_typeof(edits) = 'object'),
    bot_id                uuid,
    model                 text CONSTRAINT ck_voice_bot_creations_15 CHECK (char_length(model) <= 120),
    processing_ms         integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_voice_bot_creations_16 CHECK (processing_ms >= 0),
    error_code            text CONSTRAINT ck_voice_bot_creations_17 CHECK (char_length(error_code) <= 64),
    error_message         text CONSTRAINT ck_voice_bot_creations_18 CHECK (char_length(error_message) <= 2000),
    completed_at          timestamptz,
    audio_expires_at      timestamptz,
    created_by            uuid,
    created_at            timestamptz      NOT NULL DEFAULT now(),
    updated_at            timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_voice_bot_creations_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_voice_bot_creations_19 CHECK (NOT (status = 'completed') OR (bot_id IS NOT NULL OR completed_at IS NOT NULL)),
    CONSTRAINT fk_voice_bot_creations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bot_creations_template_id FOREIGN KEY (template_id)
        REFERENCES voice_bot_templates (id) ON DELETE SET NULL,
    CONSTRAINT fk_voice_bot_creations_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE SET NULL (bot_id),
    CONSTRAINT fk_voice_bot_creations_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE voice_bot_creations IS 'the pipeline that turns a spoken description into a draft bot';

CREATE INDEX ix_voice_bot_creations_1 ON voice_bot_creations (organization_id, created_at DESC);
CREATE INDEX ix_voice_bot_creations_2 ON voice_bot_creations (updated_at)
    WHERE status IN ('uploaded', 'transcribing', 'extracting', 'generating');
CREATE INDEX ix_voice_bot_creations_3 ON voice_bot_creations (audio_expires_at)
    WHERE audio_key IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_voice_bot_creations_4 ON voice_bot_creations (template_id);
CREATE INDEX ix_voice_bot_creations_5 ON voice_bot_creations (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON voice_bot_creations
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE voice_bot_sessions (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    creation_id        uuid,
    voice_bot_id       uuid,
    call_id            uuid,
    user_id            uuid,
    transport          text        NOT NULL
        CONSTRAINT ck_voice_bot_sessions_1 CHECK (transport IN ('webrtc', 'websocket', 'sip')),
    status             text        NOT NULL DEFAULT 'connecting'
        CONSTRAINT ck_voice_bot_sessions_2 CHECK (status IN ('connecting', 'active', 'ended', 'failed')),
    codec              text CONSTRAINT ck_voice_bot_sessions_3 CHECK (char_length(codec) <= 32),
    last_seq           bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_voice_bot_sessions_4 CHECK (last_seq >= 0),
    partial_transcript text CONSTRAINT ck_voice_bot_sessions_5 CHECK (char_length(partial_transcript) <= 20000),
    audio_key          text CONSTRAINT ck_voice_bot_sessions_6 CHECK (char_length(audio_key) <= 512),
    media_stats        jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bot_sessions_7 CHECK (jsonb_typeof(media_stats) = 'object'),
    started_at         timestamptz,
    ended_at           timestamptz,
    end_reason         text CONSTRAINT ck_voice_bot_sessions_8 CHECK (char_length(end_reason) <= 64),
    node               text CONSTRAINT ck_voice_bot_sessions_9 CHECK (char_length(node) <= 80),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_voice_bot_sessions_10 CHECK (num_nonnulls(creation_id, voice_bot_id) >= 1),
    CONSTRAINT fk_voice_bot_sessions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bot_sessions_creation_id FOREIGN KEY (organization_id, creation_id)
        REFERENCES voice_bot_creations (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bot_sessions_voice_bot_id FOREIGN KEY (organization_id, voice_bot_id)
        REFERENCES voice_bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bot_sessions_call_id FOREIGN KEY (organization_id, call_id)
        REFERENCES calls (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bot_sessions_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE voice_bot_sessions IS 'a live media session: dictation for a creation, browser test, or the media leg of a call';

CREATE INDEX ix_voice_bot_sessions_1 ON voice_bot_sessions (organization_id, created_at DESC);
CREATE INDEX ix_voice_bot_sessions_2 ON voice_bot_sessions (updated_at)
    WHERE status IN ('connecting', 'active');
-- for foreign keys that no index above serves
CREATE INDEX ix_voice_bot_sessions_3 ON voice_bot_sessions (organization_id, creation_id);
CREATE INDEX ix_voice_bot_sessions_4 ON voice_bot_sessions (organization_id, voice_bot_id);
CREATE INDEX ix_voice_bot_sessions_5 ON voice_bot_sessions (organization_id, call_id);

CREATE TRIGGER touch BEFORE UPDATE ON voice_bot_sessions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- Built-in templates belong to nobody, so this reference cannot be a composite foreign key as elsewhere. Without it
-- a creation could name another organization's template.
CREATE FUNCTION app.own_template_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.voice_bot_templates t
                    WHERE t.id = NEW.template_id
                      AND (t.organization_id IS NULL OR t.organization_id = NEW.organization_id)) THEN
        RAISE EXCEPTION 'no such template' USING ERRCODE = 'foreign_key_violation',
            CONSTRAINT = 'fk_voice_bot_creations_template_id', TABLE = 'voice_bot_creations';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.own_template_guard() IS 'trigger: a template is built in or of the same organization';

CREATE TRIGGER own_template_guard BEFORE INSERT OR UPDATE OF template_id ON voice_bot_creations
    FOR EACH ROW WHEN (NEW.template_id IS NOT NULL) EXECUTE FUNCTION app.own_template_guard();

RESET ROLE;
