SET LOCAL ROLE bb_owner;

CREATE TABLE channels (
    id                     uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id        uuid          NOT NULL,
    bot_id                 uuid,
    type                   text          NOT NULL
        CONSTRAINT ck_channels_1 CHECK (type IN ('whatsapp', 'telegram', 'slack', 'messenger', 'instagram', 'discord', 'sms', 'email', 'web', 'webhook', 'voice')),
    name                   text          NOT NULL CONSTRAINT ck_channels_2 CHECK (char_length(name) <= 120),
    public_id              text          NOT NULL CONSTRAINT ck_channels_3 CHECK (char_length(public_id) <= 32),
    status                 text          NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_channels_4 CHECK (status IN ('pending', 'active', 'paused', 'error', 'disconnected')),
    credentials_ct         bytea,
    credentials_kid        text
        CONSTRAINT ck_channels_5 CHECK ((credentials_ct IS NULL) = (credentials_kid IS NULL)),
    webhook_secret_ct      bytea,
    webhook_secret_kid     text
        CONSTRAINT ck_channels_6 CHECK ((webhook_secret_ct IS NULL) = (webhook_secret_kid IS NULL)),
    provider_account_id    text CONSTRAINT ck_channels_7 CHECK (char_length(provider_account_id) <= 128),
    display_handle         text CONSTRAINT ck_channels_8 CHECK (char_length(display_handle) <= 128),
    capabilities           jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channels_9 CHECK (jsonb_typeof(capabilities) = 'object'),
    settings               jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channels_10 CHECK (jsonb_typeof(settings) = 'object'),
    rate_per_second        numeric(8, 2) NOT NULL DEFAULT 20,
    token_expires_at       timestamptz,
    credentials_rotated_at timestamptz,
    last_inbound_at        timestamptz,
    last_outbound_at       timestamptz,
    health                 text          NOT NULL DEFAULT 'unknown'
        CONSTRAINT ck_channels_11 CHECK (health IN ('unknown', 'healthy', 'degraded', 'down')),
    health_checked_at      timestamptz,
    error_code             text CONSTRAINT ck_channels_12 CHECK (char_length(error_code) <= 64),
    error_message          text CONSTRAINT ck_channels_13 CHECK (char_length(error_message) <= 2000),
    created_by             uuid,
    created_at             timestamptz   NOT NULL DEFAULT now(),
    updated_at             timestamptz   NOT NULL DEFAULT now(),
    deleted_at             timestamptz,
    lock_version           integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_channels_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_channels_2 UNIQUE (public_id),
    CONSTRAINT ck_channels_14 CHECK (app.valid_settings('channel', settings)),
    CONSTRAINT ck_channels_15 CHECK (status <> 'active' OR type IN ('web', 'webhook') OR credentials_ct IS NOT NULL),
    CONSTRAINT fk_channels_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channels_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE SET NULL (bot_id),
    CONSTRAINT fk_channels_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE channels IS 'a connected account on a messaging network, with sealed credentials';

CREATE UNIQUE INDEX uq_channels_3 ON channels (type, provider_account_id)
    WHERE deleted_at IS NULL AND status <> 'disconnected';
CREATE INDEX ix_channels_1 ON channels (organization_id, type, status) WHERE deleted_at IS NULL;
CREATE INDEX ix_channels_2 ON channels (token_expires_at)
    WHERE token_expires_at IS NOT NULL AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_channels_3 ON channels (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON channels
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
