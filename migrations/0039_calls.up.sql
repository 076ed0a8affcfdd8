SET LOCAL ROLE bb_owner;

CREATE TABLE calls (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid        NOT NULL,
    voice_bot_id         uuid,
    phone_number_id      uuid,
    conversation_id      uuid,
    contact_id           uuid,
    direction            text        NOT NULL CONSTRAINT ck_calls_1 CHECK (direction IN ('inbound', 'outbound')),
    transport            text        NOT NULL
        CONSTRAINT ck_calls_2 CHECK (transport IN ('webrtc', 'sip', 'pstn')),
    provider             text        NOT NULL DEFAULT 'internal'
        CONSTRAINT ck_calls_3 CHECK (char_length(provider) <= 64),
    provider_call_id     text CONSTRAINT ck_calls_4 CHECK (char_length(provider_call_id) <= 128),
    from_address         text CONSTRAINT ck_calls_5 CHECK (char_length(from_address) <= 128),
    to_address           text CONSTRAINT ck_calls_6 CHECK (char_length(to_address) <= 128),
    status               text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_calls_7 CHECK (status IN ('queued', 'ringing', 'in_progress', 'completed', 'busy', 'no_answer', 'failed', 'canceled')),
    answered_at          timestamptz,
    ended_at             timestamptz,
    duration_seconds     integer     NOT NULL DEFAULT 0 CONSTRAINT ck_calls_8 CHECK (duration_seconds >= 0),
    recording_key        text CONSTRAINT ck_calls_9 CHECK (char_length(recording_key) <= 512),
    recording_seconds    integer CONSTRAINT ck_calls_10 CHECK (recording_seconds >= 0),
    recording_consent    text        NOT NULL DEFAULT 'not_asked'
        CONSTRAINT ck_calls_11 CHECK (recording_consent IN ('not_asked', 'granted', 'refused')),
    recording_expires_at timestamptz,
    summary              text CONSTRAINT ck_calls_12 CHECK (char_length(summary) <= 8000),
    sentiment            text
        CONSTRAINT ck_calls_13 CHECK (sentiment IN ('positive', 'neutral', 'negative', 'mixed')),
    quality              jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_calls_14 CHECK (jsonb_typeof(quality) = 'object'),
    tokens               integer     NOT NULL DEFAULT 0 CONSTRAINT ck_calls_15 CHECK (tokens >= 0),
    cost                 bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_calls_16 CHECK (cost >= 0),
    currency             text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_calls_17 CHECK (currency ~ '^[A-Z]{3}$'),
    transferred_to       text CONSTRAINT ck_calls_18 CHECK (char_length(transferred_to) <= 128),
    hangup_cause         text CONSTRAINT ck_calls_19 CHECK (char_length(hangup_cause) <= 64),
    error_message        text CONSTRAINT ck_calls_20 CHECK (char_length(error_message) <= 2000),
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_calls_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_calls_2 UNIQUE (provider, provider_call_id),
    CONSTRAINT ck_calls_21 CHECK (recording_key IS NULL OR recording_consent = 'granted'),
    CONSTRAINT fk_calls_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_calls_voice_bot_id FOREIGN KEY (organization_id, voice_bot_id)
        REFERENCES voice_bots (organization_id, id) ON DELETE SET NULL (voice_bot_id),
    CONSTRAINT fk_calls_phone_number_id FOREIGN KEY (organization_id, phone_number_id)
        REFERENCES phone_numbers (organization_id, id) ON DELETE SET NULL (phone_number_id),
    CONSTRAINT fk_calls_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE SET NULL (conversation_id),
    CONSTRAINT fk_calls_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE SET NULL (contact_id)
);
COMMENT ON TABLE calls IS 'one voice call and its outcome';

CREATE INDEX ix_calls_1 ON calls (organization_id, voice_bot_id, created_at DESC);
CREATE INDEX ix_calls_2 ON calls (organization_id, created_at DESC);
CREATE INDEX ix_calls_3 ON calls (created_at) WHERE status IN ('queued', 'ringing', 'in_progress');
CREATE INDEX ix_calls_4 ON calls (recording_expires_at) WHERE recording_key IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_calls_5 ON calls (organization_id, phone_number_id);
CREATE INDEX ix_calls_6 ON calls (organization_id, conversation_id);
CREATE INDEX ix_calls_7 ON calls (organization_id, contact_id);

CREATE TRIGGER touch BEFORE UPDATE ON calls
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE call_segments (
    id              uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid             NOT NULL,
    call_id         uuid             NOT NULL,
    seq             integer          NOT NULL CONSTRAINT ck_call_segments_1 CHECK (seq >= 0),
    speaker         text             NOT NULL
        CONSTRAINT ck_call_segments_2 CHECK (speaker IN ('caller', 'bot', 'agent')),
    text            text             NOT NULL CONSTRAINT ck_call_segments_3 CHECK (char_length(text) <= 8000),
    start_ms        integer          NOT NULL CONSTRAINT ck_call_segments_4 CHECK (start_ms >= 0),
    end_ms          integer          NOT NULL CONSTRAINT ck_call_segments_5 CHECK (end_ms >= 0),
    is_final        boolean          NOT NULL DEFAULT true,
    confidence      double precision CONSTRAINT ck_call_segments_6 CHECK (confidence BETWEEN 0 AND 1),
    sentiment       text CONSTRAINT ck_call_segments_7 CHECK (sentiment IN ('positive', 'neutral', 'negative')),
    intent_id       uuid,
    language        text CONSTRAINT ck_call_segments_8 CHECK (char_length(language) <= 16),
    audio_key       text CONSTRAINT ck_call_segments_9 CHECK (char_length(audio_key) <= 512),
    audio_offset_ms integer CONSTRAINT ck_call_segments_10 CHECK (audio_offset_ms >= 0),
    interrupted     boolean          NOT NULL DEFAULT false,
    dtmf            text CONSTRAINT ck_call_segments_11 CHECK (char_length(dtmf) <= 64),
    created_at      timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_call_segments_1 UNIQUE (call_id, seq),
    CONSTRAINT ck_call_segments_12 CHECK (end_ms >= start_ms),
    CONSTRAINT fk_call_segments_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_call_segments_call_id FOREIGN KEY (organization_id, call_id)
        REFERENCES calls (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_call_segments_intent_id FOREIGN KEY (organization_id, intent_id)
        REFERENCES intents (organization_id, id) ON DELETE SET NULL (intent_id)
);
COMMENT ON TABLE call_segments IS 'one speaker turn of a call';

CREATE INDEX ix_call_segments_1 ON call_segments USING gin (to_tsvector('simple', text));
-- for foreign keys that no index above serves
CREATE INDEX ix_call_segments_2 ON call_segments (organization_id, intent_id);

RESET ROLE;
