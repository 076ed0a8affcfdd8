SET LOCAL ROLE bb_owner;

CREATE TABLE widget_configs (
    id                  uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid        NOT NULL,
    bot_id              uuid        NOT NULL,
    channel_id          uuid,
    public_key          text        NOT NULL CONSTRAINT ck_widget_configs_1 CHECK (char_length(public_key) <= 40),
    is_enabled          boolean     NOT NULL DEFAULT true,
    allowed_origins     text[]      NOT NULL DEFAULT '{}',
    theme               jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_widget_configs_2 CHECK (jsonb_typeof(theme) = 'object'),
    behaviour           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_widget_configs_3 CHECK (jsonb_typeof(behaviour) = 'object'),
    greeting            text CONSTRAINT ck_widget_configs_4 CHECK (char_length(greeting) <= 1000),
    offline_message     text CONSTRAINT ck_widget_configs_5 CHECK (char_length(offline_message) <= 1000),
    locale              text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_widget_configs_6 CHECK (char_length(locale) <= 16),
    require_identity    boolean     NOT NULL DEFAULT false,
    identity_secret_ct  bytea,
    identity_secret_kid text
        CONSTRAINT ck_widget_configs_7 CHECK ((identity_secret_ct IS NULL) = (identity_secret_kid IS NULL)),
    email_capture       text        NOT NULL DEFAULT 'off'
        CONSTRAINT ck_widget_configs_8 CHECK (email_capture IN ('off', 'optional', 'required')),
    uploads_enabled     boolean     NOT NULL DEFAULT false,
    max_upload_bytes    integer     NOT NULL DEFAULT 10485760
        CONSTRAINT ck_widget_configs_9 CHECK (max_upload_bytes BETWEEN 0 AND 52428800),
    voice_enabled       boolean     NOT NULL DEFAULT false,
    rate_per_minute     integer     NOT NULL DEFAULT 30
        CONSTRAINT ck_widget_configs_10 CHECK (rate_per_minute BETWEEN 1 AND 600),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    lock_version        integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_widget_configs_1 UNIQUE (bot_id),
    CONSTRAINT uq_widget_configs_2 UNIQUE (public_key),
    CONSTRAINT ck_widget_configs_11 CHECK (app.valid_settings('widget_theme', theme)),
    CONSTRAINT ck_widget_configs_12 CHECK (app.valid_settings('widget_behaviour', behaviour)),
    CONSTRAINT ck_widget_configs_13 CHECK (NOT require_identity OR identity_secret_ct IS NOT NULL),
    CONSTRAINT fk_widget_configs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_widget_configs_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_widget_configs_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE SET NULL (channel_id)
);
COMMENT ON TABLE widget_configs IS 'embeddable chat widget of a bot: look, behaviour, allowed sites';

-- for foreign keys
CREATE INDEX ix_widget_configs_1 ON widget_configs (organization_id, channel_id);

CREATE TRIGGER touch BEFORE UPDATE ON widget_configs
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE widget_messages (
    id              uuid        NOT NULL,
    organization_id uuid        NOT NULL,
    bot_id          uuid        NOT NULL,
    session_id      uuid        NOT NULL,
    conversation_id uuid,
    visitor_id      text        NOT NULL CONSTRAINT ck_widget_messages_1 CHECK (char_length(visitor_id) <= 64),
    seq             bigint      NOT NULL CONSTRAINT ck_widget_messages_2 CHECK (seq >= 0),
    role            text        NOT NULL
        CONSTRAINT ck_widget_messages_3 CHECK (role IN ('visitor', 'bot', 'agent', 'system')),
    frame           text        NOT NULL DEFAULT 'text'
        CONSTRAINT ck_widget_messages_4 CHECK (frame IN ('text', 'card', 'file', 'typing', 'click', 'form', 'rating', 'presence', 'call', 'notice')),
    content         text CONSTRAINT ck_widget_messages_5 CHECK (char_length(content) <= 16000),
    payload         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_widget_messages_6 CHECK (jsonb_typeof(payload) = 'object'),
    message_id      uuid,
    client_msg_id   text CONSTRAINT ck_widget_messages_7 CHECK (char_length(client_msg_id) <= 64),
    status          text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_widget_messages_8 CHECK (status IN ('received', 'queued', 'sent', 'delivered', 'read', 'failed')),
    delivered_at    timestamptz,
    read_at         timestamptz,
    page_url        text
        CONSTRAINT ck_widget_messages_9 CHECK (page_url ~* '^https?://[^[:space:]]+$' AND char_length(page_url) <= 2048),
    origin          text CONSTRAINT ck_widget_messages_10 CHECK (char_length(origin) <= 255),
    ip_prefix       inet,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_widget_messages_11 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT fk_widget_messages_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_widget_messages_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE widget_messages IS 'ordered frame log of a widget session, for resume after reconnect and widget-only events';

CREATE INDEX ix_widget_messages_1 ON widget_messages (organization_id, bot_id, created_at DESC);
CREATE INDEX ix_widget_messages_2 ON widget_messages (session_id, seq);
CREATE INDEX ix_widget_messages_3 ON widget_messages (organization_id, visitor_id, created_at DESC);
CREATE INDEX ix_widget_messages_4 ON widget_messages (conversation_id, created_at DESC);

RESET ROLE;
