SET LOCAL ROLE bb_owner;

CREATE TABLE integrations (
    id                  uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid        NOT NULL,
    category            text        NOT NULL
        CONSTRAINT ck_integrations_1 CHECK (category IN ('model', 'embedding', 'speech', 'telephony', 'crm', 'ecommerce', 'helpdesk', 'calendar', 'storage', 'email', 'payment', 'webhook', 'automation')),
    provider            text        NOT NULL CONSTRAINT ck_integrations_2 CHECK (char_length(provider) <= 64),
    name                text        NOT NULL CONSTRAINT ck_integrations_3 CHECK (char_length(name) <= 120),
    bot_id              uuid,
    credentials_ct      bytea,
    credentials_kid     text
        CONSTRAINT ck_integrations_4 CHECK ((credentials_ct IS NULL) = (credentials_kid IS NULL)),
    config              jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_integrations_5 CHECK (jsonb_typeof(config) = 'object'),
    scopes              text[]      NOT NULL DEFAULT '{}',
    event_filter        text[]      NOT NULL DEFAULT '{}',
    status              text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_integrations_6 CHECK (status IN ('pending', 'connected', 'degraded', 'expired', 'revoked', 'error')),
    external_account_id text CONSTRAINT ck_integrations_7 CHECK (char_length(external_account_id) <= 128),
    token_expires_at    timestamptz,
    last_ok_at          timestamptz,
    failure_count       integer     NOT NULL DEFAULT 0 CONSTRAINT ck_integrations_8 CHECK (failure_count >= 0),
    disabled_at         timestamptz,
    last_error          text CONSTRAINT ck_integrations_9 CHECK (char_length(last_error) <= 2000),
    last_tested_at      timestamptz,
    created_by          uuid,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    lock_version        integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_integrations_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_integrations_10 CHECK (app.valid_settings('integration', config)),
    CONSTRAINT ck_integrations_11 CHECK (category <> 'webhook' OR credentials_ct IS NOT NULL),
    CONSTRAINT fk_integrations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_integrations_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_integrations_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE integrations IS 'a configured external service: model provider, speech, carrier, CRM, shop, outgoing webhook';

CREATE UNIQUE INDEX uq_integrations_2 ON integrations (organization_id, provider, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_integrations_1 ON integrations (organization_id, category, status)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_integrations_2 ON integrations (token_expires_at) WHERE status = 'connected';
CREATE INDEX ix_integrations_3 ON integrations USING gin (event_filter);
-- for foreign keys that no index above serves
CREATE INDEX ix_integrations_4 ON integrations (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE integration_logs (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    integration_id  uuid        NOT NULL,
    direction       text        NOT NULL DEFAULT 'outbound'
        CONSTRAINT ck_integration_logs_1 CHECK (direction IN ('outbound', 'inbound')),
    action          text        NOT NULL CONSTRAINT ck_integration_logs_2 CHECK (char_length(action) <= 100),
    result          text        NOT NULL
        CONSTRAINT ck_integration_logs_3 CHECK (result IN ('success', 'failure', 'retry')),
    http_status     integer CONSTRAINT ck_integration_logs_4 CHECK (http_status BETWEEN 100 AND 599),
    request         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_integration_logs_5 CHECK (jsonb_typeof(request) = 'object'),
    response        jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_integration_logs_6 CHECK (jsonb_typeof(response) = 'object'),
    error_code      text CONSTRAINT ck_integration_logs_7 CHECK (char_length(error_code) <= 64),
    error_message   text CONSTRAINT ck_integration_logs_8 CHECK (char_length(error_message) <= 2000),
    duration_ms     integer CONSTRAINT ck_integration_logs_9 CHECK (duration_ms >= 0),
    correlation_id  uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_integration_logs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_integration_logs_integration_id FOREIGN KEY (organization_id, integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE integration_logs IS 'calls made to or received from an integration, with secrets removed';

CREATE INDEX ix_integration_logs_1 ON integration_logs (organization_id, integration_id, created_at DESC);
CREATE INDEX ix_integration_logs_2 ON integration_logs (organization_id, created_at DESC)
    WHERE result = 'failure';
CREATE INDEX ix_integration_logs_3 ON integration_logs USING brin (created_at);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON integration_logs
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
