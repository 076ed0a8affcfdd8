SET LOCAL ROLE bb_owner;

CREATE TABLE entity_versions (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    entity_type       text        NOT NULL
        CONSTRAINT ck_entity_versions_1 CHECK (entity_type IN ('bot', 'bot_flow', 'flow_orchestration', 'agent', 'agent_workflow', 'widget_config', 'voice_bot', 'work_clone', 'recovery_campaign', 'nlu_model')),
    entity_id         uuid        NOT NULL,
    branch_id         uuid,
    version           integer     NOT NULL
        CONSTRAINT ck_entity_versions_2 CHECK (version BETWEEN 1 AND 2147483647),
    data              jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_entity_versions_3 CHECK (jsonb_typeof(data) = 'object'),
    data_hash         bytea       NOT NULL CONSTRAINT ck_entity_versions_4 CHECK (octet_length(data_hash) = 32),
    parent_version_id uuid,
    merge_parent_id   uuid,
    message           text CONSTRAINT ck_entity_versions_5 CHECK (char_length(message) <= 500),
    created_by        uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_entity_versions_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_entity_versions_2 UNIQUE (organization_id, entity_type, entity_id, version),
    CONSTRAINT ck_entity_versions_6 CHECK (entity_type <> 'bot_flow' OR app.valid_flow(data, true)),
    CONSTRAINT fk_entity_versions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_entity_versions_parent_version_id FOREIGN KEY (organization_id, parent_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_entity_versions_merge_parent_id FOREIGN KEY (organization_id, merge_parent_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_entity_versions_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE entity_versions IS 'immutable numbered snapshots of any versioned object; the only source the runtime executes';

CREATE INDEX ix_entity_versions_1 ON entity_versions (organization_id, entity_type, entity_id, created_at DESC);
-- for foreign keys that no index above serves
CREATE INDEX ix_entity_versions_2 ON entity_versions (organization_id, branch_id);
CREATE INDEX ix_entity_versions_3 ON entity_versions (organization_id, parent_version_id);
CREATE INDEX ix_entity_versions_4 ON entity_versions (organization_id, merge_parent_id);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON entity_versions
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

CREATE TABLE entity_branches (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    entity_type       text        NOT NULL CONSTRAINT ck_entity_branches_1 CHECK (char_length(entity_type) <= 40),
    entity_id         uuid        NOT NULL,
    name              text        NOT NULL CONSTRAINT ck_entity_branches_2 CHECK (char_length(name) <= 80),
    is_main           boolean     NOT NULL DEFAULT false,
    status            text        NOT NULL DEFAULT 'open'
        CONSTRAINT ck_entity_branches_3 CHECK (status IN ('open', 'merged', 'abandoned')),
    base_version_id   uuid,
    head_version_id   uuid,
    merged_version_id uuid,
    merged_at         timestamptz,
    merged_by         uuid,
    created_by        uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_entity_branches_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_entity_branches_2 UNIQUE (organization_id, entity_type, entity_id, name),
    CONSTRAINT ck_entity_branches_4 CHECK ((status = 'merged') = (merged_at IS NOT NULL)),
    CONSTRAINT ck_entity_branches_5 CHECK (NOT is_main OR status = 'open'),
    CONSTRAINT fk_entity_branches_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_entity_branches_base_version_id FOREIGN KEY (organization_id, base_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_entity_branches_head_version_id FOREIGN KEY (organization_id, head_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_entity_branches_merged_version_id FOREIGN KEY (organization_id, merged_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_entity_branches_merged_by FOREIGN KEY (merged_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_entity_branches_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE entity_branches IS 'named line of work over the versions of one object';

CREATE UNIQUE INDEX uq_entity_branches_3 ON entity_branches (organization_id, entity_type, entity_id)
    WHERE is_main;
CREATE INDEX ix_entity_branches_1 ON entity_branches (organization_id, entity_type, entity_id)
    WHERE status = 'open';
-- for foreign keys that no index above serves
CREATE INDEX ix_entity_branches_2 ON entity_branches (organization_id, base_version_id);
CREATE INDEX ix_entity_branches_3 ON entity_branches (organization_id, head_version_id);
CREATE INDEX ix_entity_branches_4 ON entity_branches (organization_id, merged_version_id);

CREATE TRIGGER touch BEFORE UPDATE ON entity_branches
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- references between the tables of this file that point forward

ALTER TABLE entity_versions ADD CONSTRAINT fk_entity_versions_branch_id FOREIGN KEY (organization_id, branch_id)
        REFERENCES entity_branches (organization_id, id) ON DELETE RESTRICT;

-- Numbers of one object follow each other without gaps, so writers of the same object take turns.
CREATE FUNCTION app.assign_version() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(
        'app.assign_version:' || NEW.organization_id || NEW.entity_type || NEW.entity_id, 0));
    SELECT coalesce(max(v.version), 0) + 1
      INTO NEW.version
      FROM public.entity_versions v
     WHERE v.organization_id = NEW.organization_id
       AND v.entity_type = NEW.entity_type
       AND v.entity_id = NEW.entity_id;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.assign_version() IS 'trigger: the next version number of an object';

CREATE TRIGGER assign_version BEFORE INSERT ON entity_versions
    FOR EACH ROW EXECUTE FUNCTION app.assign_version();

RESET ROLE;
