SET LOCAL ROLE bb_owner;

CREATE TABLE api_tokens (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid        NOT NULL,
    user_id              uuid,
    kind                 text        NOT NULL DEFAULT 'service'
        CONSTRAINT ck_api_tokens_1 CHECK (kind IN ('personal', 'service', 'scim')),
    name                 text        NOT NULL CONSTRAINT ck_api_tokens_2 CHECK (char_length(name) <= 120),
    token_prefix         text        NOT NULL CONSTRAINT ck_api_tokens_3 CHECK (char_length(token_prefix) <= 16),
    token_hash           bytea       NOT NULL CONSTRAINT ck_api_tokens_4 CHECK (octet_length(token_hash) = 32),
    last_four            text        NOT NULL CONSTRAINT ck_api_tokens_5 CHECK (char_length(last_four) <= 4),
    scopes               text[]      NOT NULL DEFAULT '{}',
    bot_ids              uuid[]      NOT NULL DEFAULT '{}',
    allowed_cidrs        cidr[]      NOT NULL DEFAULT '{}',
    sso_configuration_id uuid,
    rate_per_minute      integer     NOT NULL DEFAULT 600
        CONSTRAINT ck_api_tokens_6 CHECK (rate_per_minute BETWEEN 1 AND 60000),
    spend_limit          bigint CONSTRAINT ck_api_tokens_7 CHECK (spend_limit >= 0),
    spend_currency       text CONSTRAINT ck_api_tokens_8 CHECK (spend_currency ~ '^[A-Z]{3}$'),
    spend_period         text CONSTRAINT ck_api_tokens_9 CHECK (spend_period IN ('day', 'month')),
    expires_at           timestamptz,
    last_used_at         timestamptz,
    last_used_ip         inet,
    revoked_at           timestamptz,
    revoked_by           uuid,
    rotated_from_id      uuid,
    grace_until          timestamptz,
    created_by           uuid,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    CONSTRAINT uq_api_tokens_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_api_tokens_2 UNIQUE (token_hash),
    CONSTRAINT uq_api_tokens_3 UNIQUE (token_prefix),
    CONSTRAINT ck_api_tokens_10 CHECK (app.valid_permissions(scopes)),
    CONSTRAINT ck_api_tokens_11 CHECK (NOT (kind = 'personal') OR (user_id IS NOT NULL)),
    CONSTRAINT ck_api_tokens_12 CHECK ((kind = 'scim') = (sso_configuration_id IS NOT NULL)),
    CONSTRAINT fk_api_tokens_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_api_tokens_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_api_tokens_sso_configuration_id FOREIGN KEY (organization_id, sso_configuration_id)
        REFERENCES sso_configurations (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_api_tokens_revoked_by FOREIGN KEY (revoked_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_api_tokens_rotated_from_id FOREIGN KEY (organization_id, rotated_from_id)
        REFERENCES api_tokens (organization_id, id) ON DELETE SET NULL (rotated_from_id),
    CONSTRAINT fk_api_tokens_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE api_tokens IS 'bearer credential for programs; only prefix and hash are stored';

CREATE INDEX ix_api_tokens_1 ON api_tokens (organization_id, kind)
    WHERE revoked_at IS NULL AND deleted_at IS NULL;
CREATE INDEX ix_api_tokens_2 ON api_tokens (expires_at)
    WHERE revoked_at IS NULL AND expires_at IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_api_tokens_3 ON api_tokens (user_id);
CREATE INDEX ix_api_tokens_4 ON api_tokens (organization_id, sso_configuration_id);
CREATE INDEX ix_api_tokens_5 ON api_tokens (organization_id, rotated_from_id);

CREATE TRIGGER touch BEFORE UPDATE ON api_tokens
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
