SET LOCAL ROLE bb_owner;

CREATE TABLE team_roles (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid        NOT NULL,
    name             text        NOT NULL CONSTRAINT ck_team_roles_1 CHECK (char_length(name) <= 80),
    description      text CONSTRAINT ck_team_roles_2 CHECK (char_length(description) <= 300),
    permissions      text[]      NOT NULL DEFAULT '{}',
    is_default       boolean     NOT NULL DEFAULT false,
    scim_managed     boolean     NOT NULL DEFAULT false,
    scim_external_id text CONSTRAINT ck_team_roles_3 CHECK (char_length(scim_external_id) <= 255),
    created_by       uuid,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_team_roles_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_team_roles_4 UNIQUE (organization_id, scim_external_id),
    CONSTRAINT ck_team_roles_4 CHECK (app.valid_permissions(permissions)),
    CONSTRAINT fk_team_roles_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_team_roles_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE team_roles IS 'custom permission sets an organization defines on top of the built-in roles';

CREATE UNIQUE INDEX uq_team_roles_2 ON team_roles (organization_id, lower(name));
CREATE UNIQUE INDEX uq_team_roles_3 ON team_roles (organization_id)
    WHERE is_default;

CREATE TRIGGER touch BEFORE UPDATE ON team_roles
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE team_members (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    member_id       uuid        NOT NULL,
    team_role_id    uuid        NOT NULL,
    bot_id          uuid,
    status          text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_team_members_1 CHECK (status IN ('active', 'inactive', 'suspended')),
    granted_by      uuid,
    expires_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_team_members_1 UNIQUE NULLS NOT DISTINCT (member_id, team_role_id, bot_id),
    CONSTRAINT fk_team_members_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_team_members_member_id FOREIGN KEY (organization_id, member_id)
        REFERENCES organization_members (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_team_members_team_role_id FOREIGN KEY (organization_id, team_role_id)
        REFERENCES team_roles (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_team_members_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_team_members_granted_by FOREIGN KEY (granted_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE team_members IS 'grant of a team role to a member, for the whole organization or for one bot';

CREATE INDEX ix_team_members_1 ON team_members (organization_id, bot_id) WHERE status = 'active';
CREATE INDEX ix_team_members_2 ON team_members (expires_at) WHERE expires_at IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_team_members_3 ON team_members (organization_id, team_role_id);
CREATE INDEX ix_team_members_4 ON team_members (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE team_invitations (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    email           citext      NOT NULL
        CONSTRAINT ck_team_invitations_1 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    role_id         uuid        NOT NULL,
    team_role_id    uuid,
    bot_id          uuid,
    message         text CONSTRAINT ck_team_invitations_2 CHECK (char_length(message) <= 1000),
    token_hash      bytea       NOT NULL CONSTRAINT ck_team_invitations_3 CHECK (octet_length(token_hash) = 32),
    status          text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_team_invitations_4 CHECK (status IN ('pending', 'accepted', 'declined', 'revoked', 'expired')),
    invited_by      uuid,
    accepted_by     uuid,
    accepted_at     timestamptz,
    expires_at      timestamptz NOT NULL,
    last_sent_at    timestamptz,
    send_count      integer     NOT NULL DEFAULT 0 CONSTRAINT ck_team_invitations_5 CHECK (send_count >= 0),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_team_invitations_1 UNIQUE (token_hash),
    CONSTRAINT fk_team_invitations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_team_invitations_role_id FOREIGN KEY (role_id)
        REFERENCES roles (id) ON DELETE RESTRICT,
    CONSTRAINT fk_team_invitations_team_role_id FOREIGN KEY (organization_id, team_role_id)
        REFERENCES team_roles (organization_id, id) ON DELETE SET NULL (team_role_id),
    CONSTRAINT fk_team_invitations_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_team_invitations_invited_by FOREIGN KEY (invited_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_team_invitations_accepted_by FOREIGN KEY (accepted_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE team_invitations IS 'pending offer to join, by e-mail, with the role and optional team role it grants';

CREATE UNIQUE INDEX uq_team_invitations_2 ON team_invitations (organization_id, email)
    WHERE status = 'pending';
CREATE INDEX ix_team_invitations_1 ON team_invitations (email) WHERE status = 'pending';
CREATE INDEX ix_team_invitations_2 ON team_invitations (expires_at) WHERE status = 'pending';
-- for foreign keys that no index above serves
CREATE INDEX ix_team_invitations_3 ON team_invitations (role_id);
CREATE INDEX ix_team_invitations_4 ON team_invitations (organization_id, team_role_id);
CREATE INDEX ix_team_invitations_5 ON team_invitations (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON team_invitations
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
