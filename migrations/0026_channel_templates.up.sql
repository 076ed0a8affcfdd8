SET LOCAL ROLE bb_owner;

CREATE TABLE channel_templates (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid        NOT NULL,
    channel_id           uuid        NOT NULL,
    name                 text        NOT NULL CONSTRAINT ck_channel_templates_1 CHECK (char_length(name) <= 512),
    language             text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_channel_templates_2 CHECK (char_length(language) <= 16),
    category             text        NOT NULL
        CONSTRAINT ck_channel_templates_3 CHECK (category IN ('marketing', 'utility', 'authentication', 'service')),
    header               jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channel_templates_4 CHECK (jsonb_typeof(header) = 'object'),
    body                 text        NOT NULL CONSTRAINT ck_channel_templates_5 CHECK (char_length(body) <= 1024),
    footer               text CONSTRAINT ck_channel_templates_6 CHECK (char_length(footer) <= 60),
    buttons              jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_channel_templates_7 CHECK (jsonb_typeof(buttons) = 'array'),
    variables            jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_channel_templates_8 CHECK (jsonb_typeof(variables) = 'array'),
    status               text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_channel_templates_9 CHECK (status IN ('draft', 'pending', 'approved', 'rejected', 'paused', 'disabled')),
    quality              text        NOT NULL DEFAULT 'unknown'
        CONSTRAINT ck_channel_templates_10 CHECK (quality IN ('unknown', 'green', 'yellow', 'red')),
    provider_template_id text CONSTRAINT ck_channel_templates_11 CHECK (char_length(provider_template_id) <= 128),
    rejection_reason     text CONSTRAINT ck_channel_templates_12 CHECK (char_length(rejection_reason) <= 1000),
    submitted_at         timestamptz,
    reviewed_at          timestamptz,
    last_synced_at       timestamptz,
    use_count            integer     NOT NULL DEFAULT 0 CONSTRAINT ck_channel_templates_13 CHECK (use_count >= 0),
    created_by           uuid,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    CONSTRAINT uq_channel_templates_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_channel_templates_3 UNIQUE (channel_id, provider_template_id),
    CONSTRAINT ck_channel_templates_14 CHECK (name ~ '^[a-z0-9_]+$'),
    CONSTRAINT fk_channel_templates_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_templates_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_templates_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE channel_templates IS 'provider-approved message template (WhatsApp and similar)';

CREATE UNIQUE INDEX uq_channel_templates_2 ON channel_templates (channel_id, name, language)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_channel_templates_1 ON channel_templates (organization_id, channel_id, status)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_channel_templates_2 ON channel_templates (last_synced_at) WHERE status = 'pending';

CREATE TRIGGER touch BEFORE UPDATE ON channel_templates
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
