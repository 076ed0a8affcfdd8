SET LOCAL ROLE bb_owner;

CREATE TABLE flow_orchestrations (
    id                  uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid        NOT NULL,
    bot_id              uuid        NOT NULL,
    name                text        NOT NULL CONSTRAINT ck_flow_orchestrations_1 CHECK (char_length(name) <= 120),
    description         text CONSTRAINT ck_flow_orchestrations_2 CHECK (char_length(description) <= 2000),
    status              text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_flow_orchestrations_3 CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    entry_flow_id       uuid        NOT NULL,
    on_error            text        NOT NULL DEFAULT 'handoff'
        CONSTRAINT ck_flow_orchestrations_4 CHECK (on_error IN ('stop', 'fallback_flow', 'handoff')),
    fallback_flow_id    uuid,
    max_hops            integer     NOT NULL DEFAULT 20
        CONSTRAINT ck_flow_orchestrations_5 CHECK (max_hops BETWEEN 1 AND 100),
    session_ttl_seconds integer     NOT NULL DEFAULT 86400
        CONSTRAINT ck_flow_orchestrations_6 CHECK (session_ttl_seconds BETWEEN 60 AND 2592000),
    created_by          uuid,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    lock_version        integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_flow_orchestrations_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_flow_orchestrations_7 CHECK (on_error <> 'fallback_flow' OR fallback_flow_id IS NOT NULL),
    CONSTRAINT fk_flow_orchestrations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_orchestrations_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_orchestrations_entry_flow_id FOREIGN KEY (organization_id, entry_flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_flow_orchestrations_fallback_flow_id FOREIGN KEY (organization_id, fallback_flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE SET NULL (fallback_flow_id),
    CONSTRAINT fk_flow_orchestrations_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE flow_orchestrations IS 'a set of flows of one bot and how control passes between them';

CREATE UNIQUE INDEX uq_flow_orchestrations_2 ON flow_orchestrations (bot_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_flow_orchestrations_3 ON flow_orchestrations (bot_id)
    WHERE status = 'active' AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_flow_orchestrations_1 ON flow_orchestrations (organization_id, bot_id);
CREATE INDEX ix_flow_orchestrations_2 ON flow_orchestrations (organization_id, entry_flow_id);
CREATE INDEX ix_flow_orchestrations_3 ON flow_orchestrations (organization_id, fallback_flow_id);

CREATE TRIGGER touch BEFORE UPDATE ON flow_orchestrations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE flow_transitions (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    orchestration_id   uuid        NOT NULL,
    from_flow_id       uuid        NOT NULL,
    to_flow_id         uuid        NOT NULL,
    trigger_type       text        NOT NULL
        CONSTRAINT ck_flow_transitions_1 CHECK (trigger_type IN ('on_complete', 'on_condition', 'on_intent', 'on_keyword', 'on_event', 'on_timeout', 'on_error', 'always')),
    trigger_value      jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_flow_transitions_2 CHECK (jsonb_typeof(trigger_value) = 'object'),
    priority           integer     NOT NULL DEFAULT 0,
    preserve_variables boolean     NOT NULL DEFAULT true,
    is_enabled         boolean     NOT NULL DEFAULT true,
    label              text CONSTRAINT ck_flow_transitions_3 CHECK (char_length(label) <= 120),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_flow_transitions_4 CHECK (app.valid_transition(trigger_type, trigger_value)),
    CONSTRAINT fk_flow_transitions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_transitions_orchestration_id FOREIGN KEY (organization_id, orchestration_id)
        REFERENCES flow_orchestrations (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_transitions_from_flow_id FOREIGN KEY (organization_id, from_flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_transitions_to_flow_id FOREIGN KEY (organization_id, to_flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE flow_transitions IS 'rule that moves a conversation from one flow to another inside an orchestration';

CREATE INDEX ix_flow_transitions_1 ON flow_transitions (organization_id, orchestration_id, from_flow_id, priority DESC)
    WHERE is_enabled;
-- for foreign keys that no index above serves
CREATE INDEX ix_flow_transitions_2 ON flow_transitions (organization_id, orchestration_id);
CREATE INDEX ix_flow_transitions_3 ON flow_transitions (organization_id, from_flow_id);
CREATE INDEX ix_flow_transitions_4 ON flow_transitions (organization_id, to_flow_id);

CREATE TRIGGER touch BEFORE UPDATE ON flow_transitions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE flow_variables (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid        NOT NULL,
    orchestration_id uuid,
    flow_id          uuid,
    name             text        NOT NULL CONSTRAINT ck_flow_variables_1 CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    value_type       text        NOT NULL DEFAULT 'string'
        CONSTRAINT ck_flow_variables_2 CHECK (value_type IN ('string', 'number', 'boolean', 'date', 'list', 'object')),
    scope            text        NOT NULL DEFAULT 'session'
        CONSTRAINT ck_flow_variables_3 CHECK (scope IN ('turn', 'session', 'contact', 'bot')),
    default_value    jsonb,
    is_required      boolean     NOT NULL DEFAULT false,
    is_secret        boolean     NOT NULL DEFAULT false,
    description      text CONSTRAINT ck_flow_variables_4 CHECK (char_length(description) <= 300),
    validation       jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_flow_variables_5 CHECK (jsonb_typeof(validation) = 'object'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_flow_variables_1 UNIQUE NULLS NOT DISTINCT (orchestration_id, flow_id, name),
    CONSTRAINT ck_flow_variables_6 CHECK (num_nonnulls(orchestration_id, flow_id) = 1),
    CONSTRAINT ck_flow_variables_7 CHECK (NOT is_secret OR default_value IS NULL),
    CONSTRAINT fk_flow_variables_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_variables_orchestration_id FOREIGN KEY (organization_id, orchestration_id)
        REFERENCES flow_orchestrations (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_variables_flow_id FOREIGN KEY (organization_id, flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE flow_variables IS 'declared variable of an orchestration or of a single flow';

-- for foreign keys
CREATE INDEX ix_flow_variables_1 ON flow_variables (organization_id, flow_id);

CREATE TRIGGER touch BEFORE UPDATE ON flow_variables
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
