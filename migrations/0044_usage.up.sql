SET LOCAL ROLE bb_owner;

CREATE TABLE usage_tracking (
    id              uuid        NOT NULL,
    organization_id uuid        NOT NULL,
    bot_id          uuid,
    api_token_id    uuid,
    metric          text        NOT NULL
        CONSTRAINT ck_usage_tracking_1 CHECK (metric IN ('message_in', 'message_out', 'api_call', 'model_token', 'embedding_token', 'voice_second', 'storage_byte', 'active_contact', 'workflow_run', 'webhook_delivery', 'email_sent')),
    quantity        bigint      NOT NULL CONSTRAINT ck_usage_tracking_2 CHECK (quantity >= 0),
    unit_cost       bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_usage_tracking_3 CHECK (unit_cost >= 0),
    currency        text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_usage_tracking_4 CHECK (currency ~ '^[A-Z]{3}$'),
    dimensions      jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_usage_tracking_5 CHECK (jsonb_typeof(dimensions) = 'object'),
    window_start    timestamptz NOT NULL,
    source_key      text        NOT NULL CONSTRAINT ck_usage_tracking_6 CHECK (char_length(source_key) <= 160),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_usage_tracking_7 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT fk_usage_tracking_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE usage_tracking IS 'metered usage, pre-aggregated per minute before it is written';

CREATE INDEX ix_usage_tracking_1 ON usage_tracking (organization_id, metric, created_at);
CREATE INDEX ix_usage_tracking_2 ON usage_tracking (organization_id, bot_id, metric, created_at)
    WHERE bot_id IS NOT NULL;
CREATE INDEX ix_usage_tracking_3 ON usage_tracking (api_token_id, created_at)
    WHERE api_token_id IS NOT NULL;

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON usage_tracking
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
