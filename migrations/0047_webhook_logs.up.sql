SET LOCAL ROLE bb_owner;

CREATE TABLE webhook_logs (
    id               uuid        NOT NULL,
    organization_id  uuid        NOT NULL,
    delivery_id      uuid        NOT NULL,
    event_id         uuid        NOT NULL,
    event_type       text        NOT NULL
        CONSTRAINT ck_webhook_logs_1 CHECK (event_type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND char_length(event_type) <= 128),
    integration_id   uuid,
    bot_id           uuid,
    url              text        NOT NULL
        CONSTRAINT ck_webhook_logs_2 CHECK (url ~* '^https?://[^[:space:]]+$' AND char_length(url) <= 2048),
    attempt          integer     NOT NULL CONSTRAINT ck_webhook_logs_3 CHECK (attempt BETWEEN 1 AND 20),
    status           text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_webhook_logs_4 CHECK (status IN ('pending', 'succeeded', 'retrying', 'abandoned')),
    request_headers  jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_webhook_logs_5 CHECK (jsonb_typeof(request_headers) = 'object'),
    request_body     jsonb,
    response_status  integer CONSTRAINT ck_webhook_logs_6 CHECK (response_status BETWEEN 100 AND 599),
    response_headers jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_webhook_logs_7 CHECK (jsonb_typeof(response_headers) = 'object'),
    response_body    text CONSTRAINT ck_webhook_logs_8 CHECK (char_length(response_body) <= 8192),
    error_message    text CONSTRAINT ck_webhook_logs_9 CHECK (char_length(error_message) <= 1000),
    duration_ms      integer CONSTRAINT ck_webhook_logs_10 CHECK (duration_ms >= 0),
    next_attempt_at  timestamptz,
    replay_of        uuid,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_webhook_logs_11 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT ck_webhook_logs_12 CHECK (num_nonnulls(integration_id, bot_id) = 1),
    CONSTRAINT ck_webhook_logs_13 CHECK ((status = 'retrying') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT fk_webhook_logs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE webhook_logs IS 'one row per attempt to deliver an event to a customer''s endpoint';

CREATE INDEX ix_webhook_logs_1 ON webhook_logs (organization_id, integration_id, created_at DESC);
CREATE INDEX ix_webhook_logs_2 ON webhook_logs (organization_id, bot_id, created_at DESC)
    WHERE bot_id IS NOT NULL;
CREATE INDEX ix_webhook_logs_3 ON webhook_logs (delivery_id, attempt);
CREATE INDEX ix_webhook_logs_4 ON webhook_logs (next_attempt_at) WHERE status = 'retrying';
CREATE INDEX ix_webhook_logs_5 ON webhook_logs (organization_id, created_at DESC)
    WHERE status IN ('retrying', 'abandoned');

CREATE TRIGGER touch BEFORE UPDATE ON webhook_logs
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
