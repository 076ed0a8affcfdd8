SET LOCAL ROLE bb_owner;

CREATE TABLE activity_logs (
    id              uuid        NOT NULL,
    organization_id uuid        NOT NULL,
    user_id         uuid,
    source          text        NOT NULL DEFAULT 'ui'
        CONSTRAINT ck_activity_logs_1 CHECK (source IN ('ui', 'api', 'import', 'automation', 'plugin', 'system')),
    verb            text        NOT NULL
        CONSTRAINT ck_activity_logs_2 CHECK (verb ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND char_length(verb) <= 128),
    entity_type     text        NOT NULL CONSTRAINT ck_activity_logs_3 CHECK (char_length(entity_type) <= 64),
    entity_id       uuid        NOT NULL,
    entity_label    text CONSTRAINT ck_activity_logs_4 CHECK (char_length(entity_label) <= 200),
    bot_id          uuid,
    changes         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_activity_logs_5 CHECK (jsonb_typeof(changes) = 'object'),
    visibility      text        NOT NULL DEFAULT 'members'
        CONSTRAINT ck_activity_logs_6 CHECK (visibility IN ('members', 'admins')),
    request_id      uuid,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_activity_logs_7 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT fk_activity_logs_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE activity_logs IS 'human-readable feed of what happened in the workspace (not a security record)';

CREATE INDEX ix_activity_logs_1 ON activity_logs (organization_id, created_at DESC);
CREATE INDEX ix_activity_logs_2 ON activity_logs (organization_id, user_id, created_at DESC);
CREATE INDEX ix_activity_logs_3 ON activity_logs (organization_id, entity_type, entity_id, created_at DESC);
CREATE INDEX ix_activity_logs_4 ON activity_logs (organization_id, bot_id, created_at DESC)
    WHERE bot_id IS NOT NULL;

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON activity_logs
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
