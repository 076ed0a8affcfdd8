SET LOCAL ROLE bb_owner;

CREATE TABLE voice_bots (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    bot_id             uuid        NOT NULL,
    name               text        NOT NULL CONSTRAINT ck_voice_bots_1 CHECK (char_length(name) <= 120),
    agent_id           uuid,
    flow_id            uuid,
    language           text        NOT NULL DEFAULT 'en-US'
        CONSTRAINT ck_voice_bots_2 CHECK (char_length(language) <= 16),
    stt_integration_id uuid,
    tts_integration_id uuid,
    stt                jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bots_3 CHECK (jsonb_typeof(stt) = 'object'),
    tts                jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bots_4 CHECK (jsonb_typeof(tts) = 'object'),
    voice_id           text CONSTRAINT ck_voice_bots_5 CHECK (char_length(voice_id) <= 120),
    settings           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_voice_bots_6 CHECK (jsonb_typeof(settings) = 'object'),
    greeting           text        NOT NULL CONSTRAINT ck_voice_bots_7 CHECK (char_length(greeting) <= 1000),
    fallback           text        NOT NULL CONSTRAINT ck_voice_bots_8 CHECK (char_length(fallback) <= 1000),
    barge_in           boolean     NOT NULL DEFAULT true,
    max_call_seconds   integer     NOT NULL DEFAULT 600
        CONSTRAINT ck_voice_bots_9 CHECK (max_call_seconds BETWEEN 10 AND 14400),
    silence_timeout_ms integer     NOT NULL DEFAULT 6000
        CONSTRAINT ck_voice_bots_10 CHECK (silence_timeout_ms BETWEEN 500 AND 60000),
    record_calls       boolean     NOT NULL DEFAULT false,
    consent_prompt     text CONSTRAINT ck_voice_bots_11 CHECK (char_length(consent_prompt) <= 500),
    handoff_number     text CONSTRAINT ck_voice_bots_12 CHECK (handoff_number ~ '^\+[1-9][0-9]{1,14}$'),
    status             text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_voice_bots_13 CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    created_by         uuid,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz,
    lock_version       integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_voice_bots_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_voice_bots_14 CHECK (app.valid_settings('voice', settings)),
    CONSTRAINT ck_voice_bots_15 CHECK (NOT record_calls OR consent_prompt IS NOT NULL),
    CONSTRAINT fk_voice_bots_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bots_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_voice_bots_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT fk_voice_bots_flow_id FOREIGN KEY (organization_id, flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE SET NULL (flow_id),
    CONSTRAINT fk_voice_bots_stt_integration_id FOREIGN KEY (organization_id, stt_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (stt_integration_id),
    CONSTRAINT fk_voice_bots_tts_integration_id FOREIGN KEY (organization_id, tts_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (tts_integration_id),
    CONSTRAINT fk_voice_bots_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE voice_bots IS 'speaking front of a bot: speech engines, voice, call rules';

CREATE UNIQUE INDEX uq_voice_bots_2 ON voice_bots (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_voice_bots_1 ON voice_bots (organization_id, status) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_voice_bots_2 ON voice_bots (organization_id, bot_id);
CREATE INDEX ix_voice_bots_3 ON voice_bots (organization_id, agent_id);
CREATE INDEX ix_voice_bots_4 ON voice_bots (organization_id, flow_id);
CREATE INDEX ix_voice_bots_5 ON voice_bots (organization_id, stt_integration_id);
CREATE INDEX ix_voice_bots_6 ON voice_bots (organization_id, tts_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON voice_bots
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE phone_numbers (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    number          text        NOT NULL CONSTRAINT ck_phone_numbers_1 CHECK (number ~ '^\+[1-9][0-9]{1,14}$'),
    provider        text        NOT NULL CONSTRAINT ck_phone_numbers_2 CHECK (char_length(provider) <= 64),
    provider_ref    text CONSTRAINT ck_phone_numbers_3 CHECK (char_length(provider_ref) <= 128),
    integration_id  uuid,
    label           text CONSTRAINT ck_phone_numbers_4 CHECK (char_length(label) <= 120),
    country         text        NOT NULL CONSTRAINT ck_phone_numbers_5 CHECK (char_length(country) <= 2),
    capabilities    text[]      NOT NULL DEFAULT '{}',
    status          text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_phone_numbers_6 CHECK (status IN ('pending', 'active', 'suspended', 'released')),
    voice_bot_id    uuid,
    channel_id      uuid,
    monthly_cost    bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_phone_numbers_7 CHECK (monthly_cost >= 0),
    currency        text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_phone_numbers_8 CHECK (currency ~ '^[A-Z]{3}$'),
    acquired_at     timestamptz,
    released_at     timestamptz,
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT uq_phone_numbers_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_phone_numbers_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_phone_numbers_integration_id FOREIGN KEY (organization_id, integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (integration_id),
    CONSTRAINT fk_phone_numbers_voice_bot_id FOREIGN KEY (organization_id, voice_bot_id)
        REFERENCES voice_bots (organization_id, id) ON DELETE SET NULL (voice_bot_id),
    CONSTRAINT fk_phone_numbers_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE SET NULL (channel_id),
    CONSTRAINT fk_phone_numbers_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE phone_numbers IS 'a number an organization can receive or place calls and texts with';

CREATE UNIQUE INDEX uq_phone_numbers_2 ON phone_numbers (number)
    WHERE status <> 'released';
CREATE INDEX ix_phone_numbers_1 ON phone_numbers (organization_id, status) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_phone_numbers_2 ON phone_numbers (organization_id, integration_id);
CREATE INDEX ix_phone_numbers_3 ON phone_numbers (organization_id, voice_bot_id);
CREATE INDEX ix_phone_numbers_4 ON phone_numbers (organization_id, channel_id);

CREATE TRIGGER touch BEFORE UPDATE ON phone_numbers
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
