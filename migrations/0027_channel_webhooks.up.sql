SET LOCAL ROLE bb_owner;

CREATE TABLE channel_webhooks (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    channel_id      uuid        NOT NULL,
    event_type      text        NOT NULL CONSTRAINT ck_channel_webhooks_1 CHECK (char_length(event_type) <= 100),
    dedupe_key      text        NOT NULL CONSTRAINT ck_channel_webhooks_2 CHECK (char_length(dedupe_key) <= 300),
    signature_valid boolean     NOT NULL,
    payload         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channel_webhooks_3 CHECK (jsonb_typeof(payload) = 'object'),
    headers         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channel_webhooks_4 CHECK (jsonb_typeof(headers) = 'object'),
    payload_hash    bytea       NOT NULL CONSTRAINT ck_channel_webhooks_5 CHECK (octet_length(payload_hash) = 32),
    status          text        NOT NULL DEFAULT 'received'
        CONSTRAINT ck_channel_webhooks_6 CHECK (status IN ('received', 'processed', 'ignored', 'failed', 'dead')),
    attempts        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_channel_webhooks_7 CHECK (attempts >= 0),
    stream_ref      text CONSTRAINT ck_channel_webhooks_8 CHECK (char_length(stream_ref) <= 160),
    replayed_at     timestamptz,
    processed_at    timestamptz,
    error_message   text CONSTRAINT ck_channel_webhooks_9 CHECK (char_length(error_message) <= 2000),
    remote_ip       inet,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_channel_webhooks_1 UNIQUE (channel_id, dedupe_key),
    CONSTRAINT ck_channel_webhooks_10 CHECK (signature_valid OR status IN ('ignored', 'dead')),
    CONSTRAINT fk_channel_webhooks_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_webhooks_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE channel_webhooks IS 'provider callbacks as they came, written in batches by the stream''s consumer, for diagnosis and replay';

CREATE INDEX ix_channel_webhooks_1 ON channel_webhooks (organization_id, created_at DESC)
    WHERE status IN ('failed', 'dead');
CREATE INDEX ix_channel_webhooks_2 ON channel_webhooks (organization_id, channel_id, created_at DESC);
CREATE INDEX ix_channel_webhooks_3 ON channel_webhooks (processed_at)
    WHERE status IN ('processed', 'ignored');

CREATE TRIGGER touch BEFORE UPDATE ON channel_webhooks
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
