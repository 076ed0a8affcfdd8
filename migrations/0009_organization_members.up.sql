SET LOCAL ROLE bb_owner;

CREATE TABLE organization_members (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    role_id         uuid        NOT NULL,
    status          text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_organization_members_1 CHECK (status IN ('active', 'suspended', 'removed')),
    title           text CONSTRAINT ck_organization_members_2 CHECK (char_length(title) <= 120),
    source          text        NOT NULL DEFAULT 'invite'
        CONSTRAINT ck_organization_members_3 CHECK (source IN ('owner', 'invite', 'sso', 'scim', 'admin')),
    invited_by      uuid,
    joined_at       timestamptz NOT NULL DEFAULT now(),
    last_active_at  timestamptz,
    removed_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_organization_members_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_organization_members_2 UNIQUE (organization_id, user_id),
    CONSTRAINT fk_organization_members_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_organization_members_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_organization_members_role_id FOREIGN KEY (role_id)
        REFERENCES roles (id) ON DELETE RESTRICT,
    CONSTRAINT fk_organization_members_invited_by FOREIGN KEY (invited_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE organization_members IS 'who belongs to an organization and with which built-in role';

CREATE INDEX ix_organization_members_1 ON organization_members (user_id, status);
CREATE INDEX ix_organization_members_2 ON organization_members (organization_id, role_id)
    WHERE status = 'active';
-- for foreign keys that no index above serves
CREATE INDEX ix_organization_members_3 ON organization_members (role_id);

CREATE TRIGGER touch BEFORE UPDATE ON organization_members
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- An organization keeps at least one active owner. Checked at commit, so that ownership can be handed over in one
-- transaction. Runs with the definer's rights: at commit the tenant context may already be another one.
SET LOCAL ROLE bb_definer;
CREATE FUNCTION app.last_owner_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Two transactions that each remove one of two owners must not miss each other.
    PERFORM pg_advisory_xact_lock(hashtextextended('app.last_owner_guard:' || OLD.organization_id, 0));
    IF EXISTS (SELECT FROM organizations o WHERE o.id = OLD.organization_id)
        AND NOT EXISTS (
            SELECT FROM organization_members m
              JOIN roles r ON r.id = m.role_id
             WHERE m.organization_id = OLD.organization_id AND m.status = 'active' AND r.code = 'owner') THEN
        RAISE EXCEPTION 'an organization keeps at least one active owner'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'last_owner_guard', TABLE = 'organization_members';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.last_owner_guard() IS 'trigger: refuses to leave an organization without an active owner';
SET LOCAL ROLE bb_owner;

CREATE CONSTRAINT TRIGGER last_owner_guard AFTER UPDATE OF status, role_id, organization_id OR DELETE ON organization_members
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.status = 'active') EXECUTE FUNCTION app.last_owner_guard();

RESET ROLE;
