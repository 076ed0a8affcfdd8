SET LOCAL ROLE bb_owner;

CREATE TABLE bots (
    id                  uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid          NOT NULL,
    name                text          NOT NULL CONSTRAINT ck_bots_1 CHECK (char_length(name) <= 120),
    slug                text          NOT NULL
        CONSTRAINT ck_bots_2 CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    description         text CONSTRAINT ck_bots_3 CHECK (char_length(description) <= 2000),
    avatar_url          text
        CONSTRAINT ck_bots_4 CHECK (avatar_url ~* '^https?://[^[:space:]]+$' AND char_length(avatar_url) <= 2048),
    language            text          NOT NULL DEFAULT 'en'
        CONSTRAINT ck_bots_5 CHECK (char_length(language) <= 16),
    status              text          NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_bots_6 CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    published_at        timestamptz,
    settings            jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_bots_7 CHECK (jsonb_typeof(settings) = 'object'),
    default_agent_id    uuid,
    fallback_message    text CONSTRAINT ck_bots_8 CHECK (char_length(fallback_message) <= 2000),
    reply_mode          text          NOT NULL DEFAULT 'flow_then_agent'
        CONSTRAINT ck_bots_9 CHECK (reply_mode IN ('flow', 'agent', 'flow_then_agent', 'webhook')),
    handoff_enabled     boolean       NOT NULL DEFAULT true,
    intent_accept       numeric(4, 3),  -- score, NULL = as trained
    intent_ask          numeric(4, 3),
    nlu_status          text          NOT NULL DEFAULT 'untrained'
        CONSTRAINT ck_bots_10 CHECK (nlu_status IN ('untrained', 'stale', 'training', 'ready', 'failed')),
    nlu_model_version   integer       NOT NULL DEFAULT 0 CONSTRAINT ck_bots_11 CHECK (nlu_model_version >= 0),
    nlu_trained_at      timestamptz,
    webhook_url         text
        CONSTRAINT ck_bots_12 CHECK (webhook_url ~* '^https?://[^[:space:]]+$' AND char_length(webhook_url) <= 2048),
    webhook_secret_ct   bytea,
    webhook_secret_kid  text
        CONSTRAINT ck_bots_13 CHECK ((webhook_secret_ct IS NULL) = (webhook_secret_kid IS NULL)),
    webhook_events      text[]        NOT NULL DEFAULT '{}',
    webhook_disabled_at timestamptz,
    created_by          uuid,
    created_at          timestamptz   NOT NULL DEFAULT now(),
    updated_at          timestamptz   NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    lock_version        integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_bots_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_bots_14 CHECK (app.valid_settings('bot', settings)),
    CONSTRAINT ck_bots_15 CHECK (webhook_url IS NULL OR webhook_secret_ct IS NOT NULL),
    CONSTRAINT ck_bots_16 CHECK (intent_accept BETWEEN 0 AND 1.5),
    CONSTRAINT ck_bots_17 CHECK (intent_ask BETWEEN 0 AND 1.5),
    CONSTRAINT ck_bots_18 CHECK (intent_ask <= intent_accept),
    CONSTRAINT fk_bots_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_bots_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE bots IS 'one assistant: identity, language, routing defaults, NLU state, outbound event hook';

CREATE UNIQUE INDEX uq_bots_2 ON bots (organization_id, slug)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_bots_1 ON bots (organization_id, status, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX ix_bots_2 ON bots USING gin (name gin_trgm_ops);
CREATE INDEX ix_bots_3 ON bots (nlu_status) WHERE nlu_status IN ('stale', 'training');

CREATE TRIGGER touch BEFORE UPDATE ON bots
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
