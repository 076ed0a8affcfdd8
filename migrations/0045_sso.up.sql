SET LOCAL ROLE bb_owner;

CREATE TABLE sso_configurations (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid        NOT NULL,
    protocol             text        NOT NULL
        CONSTRAINT ck_sso_configurations_1 CHECK (protocol IN ('saml', 'oidc')),
    preset               text        NOT NULL DEFAULT 'generic'
        CONSTRAINT ck_sso_configurations_2 CHECK (preset IN ('generic', 'azure_ad', 'okta', 'google', 'onelogin', 'keycloak')),
    name                 text        NOT NULL CONSTRAINT ck_sso_configurations_3 CHECK (char_length(name) <= 120),
    status               text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_sso_configurations_4 CHECK (status IN ('draft', 'testing', 'enabled', 'disabled')),
    is_enforced          boolean     NOT NULL DEFAULT false,
    idp_entity_id        text CONSTRAINT ck_sso_configurations_5 CHECK (char_length(idp_entity_id) <= 500),
    idp_sso_url          text
        CONSTRAINT ck_sso_configurations_6 CHECK (idp_sso_url ~* '^https?://[^[:space:]]+$' AND char_length(idp_sso_url) <= 2048),
    idp_slo_url          text
        CONSTRAINT ck_sso_configurations_7 CHECK (idp_slo_url ~* '^https?://[^[:space:]]+$' AND char_length(idp_slo_url) <= 2048),
    idp_certificates     text[]      NOT NULL DEFAULT '{}',
    sp_private_key_ct    bytea,
    sp_private_key_kid   text
        CONSTRAINT ck_sso_configurations_8 CHECK ((sp_private_key_ct IS NULL) = (sp_private_key_kid IS NULL)),
    sign_requests        boolean     NOT NULL DEFAULT true,
    name_id_format       text CONSTRAINT ck_sso_configurations_9 CHECK (char_length(name_id_format) <= 120),
    clock_skew_seconds   integer     NOT NULL DEFAULT 60
        CONSTRAINT ck_sso_configurations_10 CHECK (clock_skew_seconds BETWEEN 0 AND 300),
    issuer_url           text
        CONSTRAINT ck_sso_configurations_11 CHECK (issuer_url ~* '^https?://[^[:space:]]+$' AND char_length(issuer_url) <= 2048),
    client_id            text CONSTRAINT ck_sso_configurations_12 CHECK (char_length(client_id) <= 255),
    client_secret_ct     bytea,
    client_secret_kid    text
        CONSTRAINT ck_sso_configurations_13 CHECK ((client_secret_ct IS NULL) = (client_secret_kid IS NULL)),
    scopes               text[]      NOT NULL DEFAULT '{openid,email,profile}',
    endpoints            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_sso_configurations_14 CHECK (jsonb_typeof(endpoints) = 'object'),
    endpoints_fetched_at timestamptz,
    attribute_mapping    jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_sso_configurations_15 CHECK (jsonb_typeof(attribute_mapping) = 'object'),
    group_mapping        jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_sso_configurations_16 CHECK (jsonb_typeof(group_mapping) = 'array'),
    default_role_id      uuid        NOT NULL,
    jit_enabled          boolean     NOT NULL DEFAULT true,
    session_minutes      integer     NOT NULL DEFAULT 720
        CONSTRAINT ck_sso_configurations_17 CHECK (session_minutes BETWEEN 5 AND 20160),
    scim_enabled         boolean     NOT NULL DEFAULT false,
    scim_deprovision     text        NOT NULL DEFAULT 'suspend'
        CONSTRAINT ck_sso_configurations_18 CHECK (scim_deprovision IN ('suspend', 'remove')),
    last_tested_at       timestamptz,
    last_test            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_sso_configurations_19 CHECK (jsonb_typeof(last_test) = 'object'),
    created_by           uuid,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    lock_version         integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_sso_configurations_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_sso_configurations_20 CHECK (status <> 'enabled' OR protocol <> 'saml' OR (idp_entity_id IS NOT NULL AND idp_sso_url IS NOT NULL AND cardinality(idp_certificates) > 0)),
    CONSTRAINT ck_sso_configurations_21 CHECK (status <> 'enabled' OR protocol <> 'oidc' OR (issuer_url IS NOT NULL AND client_id IS NOT NULL AND client_secret_ct IS NOT NULL)),
    CONSTRAINT ck_sso_configurations_22 CHECK (NOT is_enforced OR status = 'enabled'),
    CONSTRAINT ck_sso_configurations_23 CHECK (app.valid_settings('sso_attributes', attribute_mapping)),
    CONSTRAINT fk_sso_configurations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_configurations_default_role_id FOREIGN KEY (default_role_id)
        REFERENCES roles (id) ON DELETE RESTRICT,
    CONSTRAINT fk_sso_configurations_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE sso_configurations IS 'a SAML or OIDC identity provider of an organization, and its provisioning rules';

CREATE UNIQUE INDEX uq_sso_configurations_2 ON sso_configurations (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_sso_configurations_1 ON sso_configurations (organization_id, status)
    WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_sso_configurations_2 ON sso_configurations (default_role_id);

CREATE TRIGGER touch BEFORE UPDATE ON sso_configurations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE sso_domains (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    configuration_id   uuid        NOT NULL,
    domain             text        NOT NULL
        CONSTRAINT ck_sso_domains_1 CHECK (domain ~* '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$' AND char_length(domain) <= 253),
    status             text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_sso_domains_2 CHECK (status IN ('pending', 'verified', 'failed', 'expired')),
    method             text        NOT NULL DEFAULT 'dns_txt'
        CONSTRAINT ck_sso_domains_3 CHECK (method IN ('dns_txt', 'dns_cname', 'http_file')),
    verification_token text        NOT NULL
        CONSTRAINT ck_sso_domains_4 CHECK (char_length(verification_token) <= 64),
    verified_at        timestamptz,
    last_checked_at    timestamptz,
    next_check_at      timestamptz,
    check_count        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_sso_domains_5 CHECK (check_count >= 0),
    failure_reason     text CONSTRAINT ck_sso_domains_6 CHECK (char_length(failure_reason) <= 300),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_sso_domains_7 CHECK (NOT (status = 'verified') OR (verified_at IS NOT NULL)),
    CONSTRAINT fk_sso_domains_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_domains_configuration_id FOREIGN KEY (organization_id, configuration_id)
        REFERENCES sso_configurations (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sso_domains IS 'an e-mail domain claimed by an organization and proven by DNS or a well-known file';

CREATE UNIQUE INDEX uq_sso_domains_1 ON sso_domains (configuration_id, lower(domain));
CREATE UNIQUE INDEX uq_sso_domains_2 ON sso_domains (lower(domain))
    WHERE status = 'verified';
CREATE INDEX ix_sso_domains_1 ON sso_domains (next_check_at) WHERE status IN ('pending', 'verified');
-- for foreign keys that no index above serves
CREATE INDEX ix_sso_domains_2 ON sso_domains (organization_id);

CREATE TRIGGER touch BEFORE UPDATE ON sso_domains
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE sso_user_mappings (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid        NOT NULL,
    configuration_id uuid        NOT NULL,
    user_id          uuid        NOT NULL,
    external_id      text        NOT NULL
        CONSTRAINT ck_sso_user_mappings_1 CHECK (char_length(external_id) <= 255),
    scim_external_id text CONSTRAINT ck_sso_user_mappings_2 CHECK (char_length(scim_external_id) <= 255),
    email            citext
        CONSTRAINT ck_sso_user_mappings_3 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    attributes       jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_sso_user_mappings_4 CHECK (jsonb_typeof(attributes) = 'object'),
    groups           text[]      NOT NULL DEFAULT '{}',
    is_active        boolean     NOT NULL DEFAULT true,
    provisioned_by   text        NOT NULL DEFAULT 'jit'
        CONSTRAINT ck_sso_user_mappings_5 CHECK (provisioned_by IN ('jit', 'scim', 'manual')),
    last_login_at    timestamptz,
    deprovisioned_at timestamptz,
    etag             integer     NOT NULL DEFAULT 1 CONSTRAINT ck_sso_user_mappings_6 CHECK (etag >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_sso_user_mappings_1 UNIQUE (configuration_id, external_id),
    CONSTRAINT uq_sso_user_mappings_2 UNIQUE (configuration_id, user_id),
    CONSTRAINT uq_sso_user_mappings_3 UNIQUE (configuration_id, scim_external_id),
    CONSTRAINT fk_sso_user_mappings_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_user_mappings_configuration_id FOREIGN KEY (organization_id, configuration_id)
        REFERENCES sso_configurations (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_user_mappings_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);
COMMENT ON TABLE sso_user_mappings IS 'link between a user and an identity at the provider; also the SCIM resource record';

CREATE INDEX ix_sso_user_mappings_1 ON sso_user_mappings (organization_id, email);
CREATE INDEX ix_sso_user_mappings_2 ON sso_user_mappings USING gin (groups);
-- for foreign keys that no index above serves
CREATE INDEX ix_sso_user_mappings_3 ON sso_user_mappings (user_id);

CREATE TRIGGER touch BEFORE UPDATE ON sso_user_mappings
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE sso_login_logs (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid        NOT NULL,
    configuration_id uuid,
    user_id          uuid,
    email            citext
        CONSTRAINT ck_sso_login_logs_1 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    protocol         text        NOT NULL CONSTRAINT ck_sso_login_logs_2 CHECK (protocol IN ('saml', 'oidc')),
    stage            text        NOT NULL CONSTRAINT ck_sso_login_logs_3 CHECK (stage IN ('started', 'callback')),
    outcome          text        NOT NULL
        CONSTRAINT ck_sso_login_logs_4 CHECK (outcome IN ('pending', 'success', 'failure')),
    failure_code     text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_sso_login_logs_5 CHECK (failure_code IN ('none', 'bad_signature', 'expired', 'replayed', 'wrong_audience', 'unknown_state', 'domain_mismatch', 'user_disabled', 'not_provisioned', 'provider_error')),
    failure_detail   text CONSTRAINT ck_sso_login_logs_6 CHECK (char_length(failure_detail) <= 500),
    state_hash       bytea CONSTRAINT ck_sso_login_logs_7 CHECK (octet_length(state_hash) = 32),
    assertion_hash   bytea CONSTRAINT ck_sso_login_logs_8 CHECK (octet_length(assertion_hash) = 32),
    groups_received  text[]      NOT NULL DEFAULT '{}',
    ip               inet,
    user_agent       text CONSTRAINT ck_sso_login_logs_9 CHECK (char_length(user_agent) <= 512),
    duration_ms      integer CONSTRAINT ck_sso_login_logs_10 CHECK (duration_ms >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_sso_login_logs_1 UNIQUE (configuration_id, assertion_hash),
    CONSTRAINT fk_sso_login_logs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_login_logs_configuration_id FOREIGN KEY (organization_id, configuration_id)
        REFERENCES sso_configurations (organization_id, id) ON DELETE SET NULL (configuration_id),
    CONSTRAINT fk_sso_login_logs_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE sso_login_logs IS 'every SSO attempt, and the replay guard for assertions';

CREATE INDEX ix_sso_login_logs_1 ON sso_login_logs (organization_id, created_at DESC);
CREATE INDEX ix_sso_login_logs_2 ON sso_login_logs (organization_id, user_id, created_at DESC);
CREATE INDEX ix_sso_login_logs_3 ON sso_login_logs (organization_id, created_at DESC)
    WHERE outcome = 'failure';
CREATE INDEX ix_sso_login_logs_4 ON sso_login_logs (state_hash);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON sso_login_logs
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
