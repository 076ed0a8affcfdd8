SET LOCAL ROLE bb_owner;

CREATE TABLE channel_messages (
    id                  uuid             NOT NULL,
    organization_id     uuid             NOT NULL,
    channel_id          uuid             NOT NULL,
    conversation_id     uuid             NOT NULL,
    contact_id          uuid,
    bot_id              uuid,
    direction           text             NOT NULL
        CONSTRAINT ck_channel_messages_1 CHECK (direction IN ('inbound', 'outbound')),
    sender_type         text             NOT NULL
        CONSTRAINT ck_channel_messages_2 CHECK (sender_type IN ('contact', 'bot', 'agent', 'system')),
    sender_id           uuid,
    kind                text             NOT NULL DEFAULT 'text'
        CONSTRAINT ck_channel_messages_3 CHECK (kind IN ('text', 'image', 'video', 'audio', 'document', 'location', 'contact', 'sticker', 'template', 'interactive', 'reaction', 'system', 'unsupported')),
    text                text CONSTRAINT ck_channel_messages_4 CHECK (char_length(text) <= 40000),
    payload             jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channel_messages_5 CHECK (jsonb_typeof(payload) = 'object'),
    media               jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_channel_messages_6 CHECK (jsonb_typeof(media) = 'array'),
    template_id         uuid,
    reply_to_id         uuid,
    reply_to_created_at timestamptz,
    status              text             NOT NULL
        CONSTRAINT ck_channel_messages_7 CHECK (status IN ('received', 'queued', 'sent', 'delivered', 'read', 'failed')),
    provider_message_id text CONSTRAINT ck_channel_messages_8 CHECK (char_length(provider_message_id) <= 255),
    provider_ts         timestamptz,
    client_ref          text CONSTRAINT ck_channel_messages_9 CHECK (char_length(client_ref) <= 128),
    attempts            integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_channel_messages_10 CHECK (attempts >= 0),
    next_attempt_at     timestamptz,
    claimed_until       timestamptz,
    attempt_started_at  timestamptz,
    uncertain_at        timestamptz,
    expires_at          timestamptz,
    error_code          text CONSTRAINT ck_channel_messages_11 CHECK (char_length(error_code) <= 64),
    error_message       text CONSTRAINT ck_channel_messages_12 CHECK (char_length(error_message) <= 1000),
    sent_at             timestamptz,
    delivered_at        timestamptz,
    read_at             timestamptz,
    failed_at           timestamptz,
    edited_at           timestamptz,
    redacted_at         timestamptz,
    flow_version_id     uuid,
    intent_id           uuid,
    confidence          double precision CONSTRAINT ck_channel_messages_13 CHECK (confidence BETWEEN 0 AND 1),
    ab_test_id          uuid,
    ab_variant          text CONSTRAINT ck_channel_messages_14 CHECK (char_length(ab_variant) <= 32),
    model_tokens        integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_channel_messages_15 CHECK (model_tokens >= 0),
    cost                bigint           NOT NULL DEFAULT 0 CONSTRAINT ck_channel_messages_16 CHECK (cost >= 0),
    trace_id            text CONSTRAINT ck_channel_messages_17 CHECK (char_length(trace_id) <= 32),
    created_at          timestamptz      NOT NULL,
    updated_at          timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_channel_messages_18 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT ck_channel_messages_19 CHECK ((direction = 'inbound') = (status = 'received')),
    CONSTRAINT ck_channel_messages_20 CHECK (status <> 'queued' OR next_attempt_at IS NOT NULL),
    CONSTRAINT fk_channel_messages_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_messages_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_messages_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE channel_messages IS 'every message in or out on every channel; delivery state machine';

CREATE INDEX ix_channel_messages_1 ON channel_messages (organization_id, conversation_id, created_at DESC);
CREATE INDEX ix_channel_messages_2 ON channel_messages (organization_id, channel_id, created_at DESC);
CREATE INDEX ix_channel_messages_3 ON channel_messages (organization_id, bot_id, created_at DESC);
CREATE INDEX ix_channel_messages_4 ON channel_messages (channel_id, provider_message_id)
    WHERE provider_message_id IS NOT NULL;
CREATE INDEX ix_channel_messages_5 ON channel_messages (next_attempt_at) WHERE status = 'queued';
CREATE INDEX ix_channel_messages_6 ON channel_messages (organization_id, created_at DESC)
    WHERE status = 'failed';
CREATE INDEX ix_channel_messages_7 ON channel_messages USING gin (to_tsvector('simple', coalesce(text, '')));

CREATE TRIGGER touch BEFORE UPDATE ON channel_messages
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- Delivery states only move forward: queued 1, sent 2, failed 2.5, delivered 3, read 4. Provider callbacks come late
-- and out of order; one of a lower rank is kept at the higher without an error, so that every order of arrival ends
-- in the same row. The one way back is replay: failed to queued in an update that also sets attempts to 0.
CREATE FUNCTION app.message_state_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    old_rank constant numeric := CASE OLD.status WHEN 'queued' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 2.5
                                                 WHEN 'delivered' THEN 3 WHEN 'read' THEN 4 ELSE 0 END;
    new_rank constant numeric := CASE NEW.status WHEN 'queued' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 2.5
                                                 WHEN 'delivered' THEN 3 WHEN 'read' THEN 4 ELSE 0 END;
BEGIN
    IF OLD.status = 'failed' AND NEW.status = 'queued' AND NEW.attempts = 0 THEN
        NEW.failed_at := NULL;
        RETURN NEW;
    END IF;
    IF new_rank < old_rank THEN
        IF NEW.status = 'failed' THEN
            -- A failure reported after the message was seen to arrive says nothing about it.
            NEW.failed_at := OLD.failed_at;
            NEW.error_code := OLD.error_code;
            NEW.error_message := OLD.error_message;
        END IF;
        NEW.status := OLD.status;
        RETURN NEW;
    END IF;
    IF NEW.status = 'failed' THEN
        NEW.failed_at := coalesce(NEW.failed_at, now());
        RETURN NEW;
    END IF;
    IF new_rank >= 2 THEN
        NEW.sent_at := coalesce(NEW.sent_at, NEW.delivered_at, NEW.read_at, now());
    END IF;
    IF new_rank >= 3 THEN
        NEW.delivered_at := coalesce(NEW.delivered_at, NEW.read_at, now());
        NEW.failed_at := NULL;
        NEW.error_code := NULL;
        NEW.error_message := NULL;
    END IF;
    IF new_rank >= 4 THEN
        NEW.read_at := coalesce(NEW.read_at, now());
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.message_state_guard() IS 'trigger: delivery states only move forward, with their instants';

CREATE TRIGGER message_state_guard BEFORE UPDATE OF status ON channel_messages
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION app.message_state_guard();

RESET ROLE;
