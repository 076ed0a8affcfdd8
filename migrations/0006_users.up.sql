SET LOCAL ROLE bb_owner;

CREATE TABLE users (
    id                    uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    email                 citext      NOT NULL
        CONSTRAINT ck_users_1 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    email_verified_at     timestamptz,
    password_hash         text CONSTRAINT ck_users_2 CHECK (char_length(password_hash) <= 255),
    password_changed_at   timestamptz,
    name                  text        NOT NULL CONSTRAINT ck_users_3 CHECK (char_length(name) <= 120),
    avatar_url            text
        CONSTRAINT ck_users_4 CHECK (avatar_url ~* '^https?://[^[:space:]]+$' AND char_length(avatar_url) <= 2048),
    locale                text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_users_5 CHECK (char_length(locale) <= 16),
    timezone              text        NOT NULL DEFAULT 'UTC'
        CONSTRAINT ck_users_6 CHECK (char_length(timezone) <= 64),
    status                text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_users_7 CHECK (status IN ('active', 'suspended', 'deactivated')),
    platform_role         text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_users_8 CHECK (platform_role IN ('none', 'support', 'superadmin')),
    notification_prefs    jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_users_9 CHECK (jsonb_typeof(notification_prefs) = 'object'),
    two_factor_secret_ct  bytea,
    two_factor_secret_kid text
        CONSTRAINT ck_users_10 CHECK ((two_factor_secret_ct IS NULL) = (two_factor_secret_kid IS NULL)),
    two_factor_enabled_at timestamptz,
    two_factor_last_step  bigint,
    failed_logins         integer     NOT NULL DEFAULT 0 CONSTRAINT ck_users_11 CHECK (failed_logins >= 0),
    delay_until           timestamptz,
    last_login_at         timestamptz,
    last_login_ip         inet,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    deleted_at            timestamptz,
    CONSTRAINT ck_users_12 CHECK (two_factor_enabled_at IS NULL OR two_factor_secret_ct IS NOT NULL)
);
COMMENT ON TABLE users IS 'a person who can sign in; may belong to several organizations';

CREATE UNIQUE INDEX uq_users_1 ON users (email)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_users_1 ON users (created_at DESC);
CREATE INDEX ix_users_2 ON users (platform_role) WHERE platform_role <> 'none';
CREATE INDEX ix_users_3 ON users USING gin (name gin_trgm_ops);

CREATE TRIGGER touch BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
