SET LOCAL ROLE bb_owner;

CREATE TABLE organizations (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    name               text        NOT NULL CONSTRAINT ck_organizations_1 CHECK (char_length(name) <= 160),
    slug               text        NOT NULL
        CONSTRAINT ck_organizations_2 CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    owner_id           uuid        NOT NULL,
    status             text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_organizations_3 CHECK (status IN ('active', 'suspended', 'closing', 'closed')),
    purge_after        timestamptz,
    billing_email      citext
        CONSTRAINT ck_organizations_4 CHECK (billing_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(billing_email::text) <= 254),
    stripe_customer_id text CONSTRAINT ck_organizations_5 CHECK (char_length(stripe_customer_id) <= 64),
    default_locale     text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_organizations_6 CHECK (char_length(default_locale) <= 16),
    timezone           text        NOT NULL DEFAULT 'UTC'
        CONSTRAINT ck_organizations_7 CHECK (char_length(timezone) <= 64),
    data_region        text        NOT NULL DEFAULT 'default'
        CONSTRAINT ck_organizations_8 CHECK (char_length(data_region) <= 32),
    settings           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_organizations_9 CHECK (jsonb_typeof(settings) = 'object'),
    retention_days     jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_organizations_10 CHECK (jsonb_typeof(retention_days) = 'object'),
    data_keys          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_organizations_11 CHECK (jsonb_typeof(data_keys) = 'object'),
    suspended_reason   text CONSTRAINT ck_organizations_12 CHECK (char_length(suspended_reason) <= 300),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz,
    lock_version       integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_organizations_2 UNIQUE (stripe_customer_id),
    CONSTRAINT ck_organizations_13 CHECK (app.valid_settings('organization', settings)),
    CONSTRAINT ck_organizations_14 CHECK (NOT (status = 'closing') OR (purge_after IS NOT NULL)),
    CONSTRAINT fk_organizations_owner_id FOREIGN KEY (owner_id)
        REFERENCES users (id) ON DELETE RESTRICT
);
COMMENT ON TABLE organizations IS 'the tenant; every tenant-owned row points here';

CREATE UNIQUE INDEX uq_organizations_1 ON organizations (slug)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_organizations_1 ON organizations (owner_id);
CREATE INDEX ix_organizations_2 ON organizations (status, purge_after)
    WHERE status IN ('closing', 'suspended');

CREATE TRIGGER touch BEFORE UPDATE ON organizations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
