SET LOCAL ROLE bb_owner;

CREATE TABLE admin_audit_log (
    id                     uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    seq                    bigint      NOT NULL,
    admin_user_id          uuid,
    admin_email            citext      NOT NULL
        CONSTRAINT ck_admin_audit_log_1 CHECK (admin_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(admin_email::text) <= 254),
    session_id             uuid,
    action                 text        NOT NULL
        CONSTRAINT ck_admin_audit_log_2 CHECK (action ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND char_length(action) <= 128),
    resource_type          text CONSTRAINT ck_admin_audit_log_3 CHECK (char_length(resource_type) <= 64),
    resource_id            uuid,
    target_organization_id uuid,
    reason                 text CONSTRAINT ck_admin_audit_log_4 CHECK (char_length(reason) <= 500),
    outcome                text        NOT NULL DEFAULT 'success'
        CONSTRAINT ck_admin_audit_log_5 CHECK (outcome IN ('success', 'denied', 'failure')),
    details                jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_admin_audit_log_6 CHECK (jsonb_typeof(details) = 'object'),
    ip                     inet,
    user_agent             text CONSTRAINT ck_admin_audit_log_7 CHECK (char_length(user_agent) <= 512),
    request_id             uuid,
    prev_hash              bytea       NOT NULL
        CONSTRAINT ck_admin_audit_log_8 CHECK (octet_length(prev_hash) = 32),
    entry_hash             bytea       NOT NULL
        CONSTRAINT ck_admin_audit_log_9 CHECK (octet_length(entry_hash) = 32),
    created_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_admin_audit_log_1 UNIQUE (seq)
);
COMMENT ON TABLE admin_audit_log IS 'hash-chained record of everything platform staff do';

CREATE INDEX ix_admin_audit_log_1 ON admin_audit_log (created_at DESC);
CREATE INDEX ix_admin_audit_log_2 ON admin_audit_log (admin_user_id, created_at DESC);
CREATE INDEX ix_admin_audit_log_3 ON admin_audit_log (target_organization_id, created_at DESC)
    WHERE target_organization_id IS NOT NULL;
CREATE INDEX ix_admin_audit_log_4 ON admin_audit_log (action, created_at DESC);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON admin_audit_log
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

CREATE TABLE admin_ip_whitelist (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    network         cidr        NOT NULL,
    description     text        NOT NULL
        CONSTRAINT ck_admin_ip_whitelist_1 CHECK (char_length(description) <= 255),
    is_active       boolean     NOT NULL DEFAULT true,
    expires_at      timestamptz,
    last_matched_at timestamptz,
    deactivated_by  uuid,
    deactivated_at  timestamptz,
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_admin_ip_whitelist_deactivated_by FOREIGN KEY (deactivated_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_admin_ip_whitelist_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE admin_ip_whitelist IS 'networks from which the admin surface may be reached';

CREATE UNIQUE INDEX uq_admin_ip_whitelist_1 ON admin_ip_whitelist (network)
    WHERE is_active;
CREATE INDEX ix_admin_ip_whitelist_1 ON admin_ip_whitelist (expires_at)
    WHERE is_active AND expires_at IS NOT NULL;

CREATE TRIGGER touch BEFORE UPDATE ON admin_ip_whitelist
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE admin_login_attempts (
    id             uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    email          citext      NOT NULL
        CONSTRAINT ck_admin_login_attempts_1 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    user_id        uuid,
    ip             inet        NOT NULL,
    user_agent     text CONSTRAINT ck_admin_login_attempts_2 CHECK (char_length(user_agent) <= 512),
    success        boolean     NOT NULL,
    stage          text        NOT NULL
        CONSTRAINT ck_admin_login_attempts_3 CHECK (stage IN ('network', 'password', 'mfa', 'session')),
    failure_reason text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_admin_login_attempts_4 CHECK (failure_reason IN ('none', 'ip_not_allowed', 'unknown_user', 'bad_password', 'not_staff', 'mfa_missing', 'mfa_failed', 'locked', 'rate_limited')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_admin_login_attempts_5 CHECK (success = (failure_reason = 'none'))
);
COMMENT ON TABLE admin_login_attempts IS 'every attempt to sign in to the admin surface';

CREATE INDEX ix_admin_login_attempts_1 ON admin_login_attempts (email, created_at DESC);
CREATE INDEX ix_admin_login_attempts_2 ON admin_login_attempts (ip, created_at DESC);
CREATE INDEX ix_admin_login_attempts_3 ON admin_login_attempts (created_at DESC) WHERE NOT success;
CREATE INDEX ix_admin_login_attempts_4 ON admin_login_attempts USING brin (created_at);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON admin_login_attempts
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

CREATE TABLE admin_sessions (
    id                           uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    user_id                      uuid        NOT NULL,
    token_hash                   bytea       NOT NULL
        CONSTRAINT ck_admin_sessions_1 CHECK (octet_length(token_hash) = 32),
    mfa_verified_at              timestamptz NOT NULL,
    elevated_until               timestamptz,
    ip                           inet        NOT NULL,
    user_agent                   text CONSTRAINT ck_admin_sessions_2 CHECK (char_length(user_agent) <= 512),
    last_seen_at                 timestamptz NOT NULL DEFAULT now(),
    expires_at                   timestamptz NOT NULL,
    revoked_at                   timestamptz,
    revoke_reason                text
        CONSTRAINT ck_admin_sessions_3 CHECK (revoke_reason IN ('logout', 'idle', 'expired', 'admin', 'ip_change', 'password_change')),
    impersonated_organization_id uuid,
    impersonation_reason         text
        CONSTRAINT ck_admin_sessions_4 CHECK (char_length(impersonation_reason) <= 300),
    impersonation_ends_at        timestamptz,
    created_at                   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_admin_sessions_1 UNIQUE (token_hash),
    CONSTRAINT ck_admin_sessions_5 CHECK (impersonated_organization_id IS NULL OR (impersonation_reason IS NOT NULL AND impersonation_ends_at IS NOT NULL)),
    CONSTRAINT fk_admin_sessions_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_admin_sessions_impersonated_organization_id FOREIGN KEY (impersonated_organization_id)
        REFERENCES organizations (id) ON DELETE SET NULL
);
COMMENT ON TABLE admin_sessions IS 'short sessions of platform staff, always with a second factor';

CREATE INDEX ix_admin_sessions_1 ON admin_sessions (user_id, last_seen_at DESC) WHERE revoked_at IS NULL;
CREATE INDEX ix_admin_sessions_2 ON admin_sessions (expires_at) WHERE revoked_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_admin_sessions_3 ON admin_sessions (user_id);
CREATE INDEX ix_admin_sessions_4 ON admin_sessions (impersonated_organization_id);

CREATE TRIGGER audit_append BEFORE INSERT ON admin_audit_log
    FOR EACH ROW EXECUTE FUNCTION app.audit_append();

RESET ROLE;
