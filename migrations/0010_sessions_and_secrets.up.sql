SET LOCAL ROLE bb_owner;

CREATE TABLE user_sessions (
    id                     uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    user_id                uuid        NOT NULL,
    active_organization_id uuid,
    kind                   text        NOT NULL DEFAULT 'web'
        CONSTRAINT ck_user_sessions_1 CHECK (kind IN ('web', 'mobile', 'api', 'widget_admin')),
    auth_method            text        NOT NULL
        CONSTRAINT ck_user_sessions_2 CHECK (auth_method IN ('password', 'magic_link', 'sso', 'impersonation')),
    sso_configuration_id   uuid,
    mfa_passed_at          timestamptz,
    token_hash             bytea       NOT NULL
        CONSTRAINT ck_user_sessions_3 CHECK (octet_length(token_hash) = 32),
    refresh_hash           bytea CONSTRAINT ck_user_sessions_4 CHECK (octet_length(refresh_hash) = 32),
    previous_refresh_hash  bytea CONSTRAINT ck_user_sessions_5 CHECK (octet_length(previous_refresh_hash) = 32),
    refresh_rotated_at     timestamptz,
    device_label           text CONSTRAINT ck_user_sessions_6 CHECK (char_length(device_label) <= 120),
    user_agent             text CONSTRAINT ck_user_sessions_7 CHECK (char_length(user_agent) <= 512),
    ip                     inet,
    last_seen_at           timestamptz NOT NULL DEFAULT now(),
    expires_at             timestamptz NOT NULL,
    refresh_expires_at     timestamptz,
    revoked_at             timestamptz,
    revoke_reason          text
        CONSTRAINT ck_user_sessions_8 CHECK (revoke_reason IN ('logout', 'logout_all', 'reuse_detected', 'password_change', 'admin', 'sso_deprovision', 'expired')),
    created_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_user_sessions_1 UNIQUE (token_hash),
    CONSTRAINT uq_user_sessions_2 UNIQUE (refresh_hash),
    CONSTRAINT ck_user_sessions_9 CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
    CONSTRAINT fk_user_sessions_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_user_sessions_active_organization_id FOREIGN KEY (active_organization_id)
        REFERENCES organizations (id) ON DELETE SET NULL
);
COMMENT ON TABLE user_sessions IS 'one signed-in device; also carries the rotating refresh token';

CREATE INDEX ix_user_sessions_1 ON user_sessions (user_id, last_seen_at DESC) WHERE revoked_at IS NULL;
CREATE INDEX ix_user_sessions_2 ON user_sessions (previous_refresh_hash);
CREATE INDEX ix_user_sessions_3 ON user_sessions (expires_at) WHERE revoked_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_user_sessions_4 ON user_sessions (user_id);
CREATE INDEX ix_user_sessions_5 ON user_sessions (active_organization_id);

CREATE TABLE two_factor_backup_codes (
    id         uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    user_id    uuid        NOT NULL,
    batch_id   uuid        NOT NULL,
    code_hash  bytea       NOT NULL CONSTRAINT ck_two_factor_backup_codes_1 CHECK (octet_length(code_hash) = 32),
    used_at    timestamptz,
    used_ip    inet,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_two_factor_backup_codes_1 UNIQUE (user_id, code_hash),
    CONSTRAINT fk_two_factor_backup_codes_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);
COMMENT ON TABLE two_factor_backup_codes IS 'single-use recovery codes, stored only as keyed hashes';

CREATE INDEX ix_two_factor_backup_codes_1 ON two_factor_backup_codes (user_id) WHERE used_at IS NULL;

CREATE TABLE password_reset_tokens (
    id           uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    user_id      uuid        NOT NULL,
    purpose      text        NOT NULL
        CONSTRAINT ck_password_reset_tokens_1 CHECK (purpose IN ('password_reset', 'email_verification', 'email_change', 'magic_link')),
    token_hash   bytea       NOT NULL CONSTRAINT ck_password_reset_tokens_2 CHECK (octet_length(token_hash) = 32),
    new_email    citext
        CONSTRAINT ck_password_reset_tokens_3 CHECK (new_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(new_email::text) <= 254),
    requested_ip inet,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_password_reset_tokens_1 UNIQUE (token_hash),
    CONSTRAINT ck_password_reset_tokens_4 CHECK ((purpose = 'email_change') = (new_email IS NOT NULL)),
    CONSTRAINT fk_password_reset_tokens_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);
COMMENT ON TABLE password_reset_tokens IS 'every one-time e-mailed secret: reset, verification, e-mail change, magic link';

CREATE INDEX ix_password_reset_tokens_1 ON password_reset_tokens (user_id, purpose) WHERE used_at IS NULL;
CREATE INDEX ix_password_reset_tokens_2 ON password_reset_tokens (expires_at) WHERE used_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_password_reset_tokens_3 ON password_reset_tokens (user_id);

RESET ROLE;
