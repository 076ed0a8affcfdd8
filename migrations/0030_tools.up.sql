SET LOCAL ROLE bb_owner;

CREATE TABLE tools (
    id                     uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id        uuid        NOT NULL,
    bot_id                 uuid,
    name                   text        NOT NULL CONSTRAINT ck_tools_1 CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    description            text        NOT NULL CONSTRAINT ck_tools_2 CHECK (char_length(description) <= 1000),
    kind                   text        NOT NULL
        CONSTRAINT ck_tools_3 CHECK (kind IN ('http', 'sql_read', 'email', 'knowledge', 'web_fetch', 'calculator', 'flow', 'handoff', 'plugin', 'wasm')),
    config                 jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_tools_4 CHECK (jsonb_typeof(config) = 'object'),
    credentials_ct         bytea,
    credentials_kid        text
        CONSTRAINT ck_tools_5 CHECK ((credentials_ct IS NULL) = (credentials_kid IS NULL)),
    input_schema           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_tools_6 CHECK (jsonb_typeof(input_schema) = 'object'),
    output_schema          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_tools_7 CHECK (jsonb_typeof(output_schema) = 'object'),
    plugin_installation_id uuid,
    timeout_ms             integer     NOT NULL DEFAULT 10000
        CONSTRAINT ck_tools_8 CHECK (timeout_ms BETWEEN 100 AND 120000),
    rate_per_minute        integer     NOT NULL DEFAULT 60
        CONSTRAINT ck_tools_9 CHECK (rate_per_minute BETWEEN 1 AND 6000),
    requires_confirmation  boolean     NOT NULL DEFAULT false,
    allowed_hosts          text[]      NOT NULL DEFAULT '{}',
    is_active              boolean     NOT NULL DEFAULT true,
    created_by             uuid,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    deleted_at             timestamptz,
    lock_version           integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_tools_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_tools_10 CHECK ((kind = 'plugin') = (plugin_installation_id IS NOT NULL)),
    CONSTRAINT ck_tools_11 CHECK (kind NOT IN ('http', 'web_fetch') OR cardinality(allowed_hosts) > 0),
    CONSTRAINT fk_tools_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_tools_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_tools_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE tools IS 'a callable capability: HTTP call, read-only query, e-mail, search, plugin, flow, hand-off';

CREATE UNIQUE INDEX uq_tools_2 ON tools (organization_id, bot_id, name) NULLS NOT DISTINCT
    WHERE deleted_at IS NULL;
CREATE INDEX ix_tools_1 ON tools (organization_id, kind) WHERE is_active AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_tools_2 ON tools (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON tools
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE agent_tools (
    id                  uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid        NOT NULL,
    agent_id            uuid,
    autonomous_agent_id uuid,
    tool_id             uuid        NOT NULL,
    is_enabled          boolean     NOT NULL DEFAULT true,
    priority            integer     NOT NULL DEFAULT 0,
    overrides           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_tools_1 CHECK (jsonb_typeof(overrides) = 'object'),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_agent_tools_1 UNIQUE NULLS NOT DISTINCT (agent_id, autonomous_agent_id, tool_id),
    CONSTRAINT ck_agent_tools_2 CHECK (num_nonnulls(agent_id, autonomous_agent_id) = 1),
    CONSTRAINT fk_agent_tools_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_tools_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES agents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_tools_tool_id FOREIGN KEY (organization_id, tool_id)
        REFERENCES tools (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE agent_tools IS 'which tools an agent or autonomous agent may call';

CREATE INDEX ix_agent_tools_1 ON agent_tools (organization_id, autonomous_agent_id) WHERE is_enabled;
-- for foreign keys that no index above serves
CREATE INDEX ix_agent_tools_3 ON agent_tools (organization_id, tool_id);

CREATE TRIGGER touch BEFORE UPDATE ON agent_tools
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE tool_executions (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    tool_id         uuid,
    tool_name       text        NOT NULL CONSTRAINT ck_tool_executions_1 CHECK (char_length(tool_name) <= 120),
    step_id         uuid,
    task_step_id    uuid,
    conversation_id uuid,
    status          text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_tool_executions_2 CHECK (status IN ('pending', 'awaiting_confirmation', 'running', 'succeeded', 'failed', 'timed_out', 'denied')),
    input           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_tool_executions_3 CHECK (jsonb_typeof(input) = 'object'),
    output          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_tool_executions_4 CHECK (jsonb_typeof(output) = 'object'),
    http_status     integer CONSTRAINT ck_tool_executions_5 CHECK (http_status BETWEEN 100 AND 599),
    error_code      text CONSTRAINT ck_tool_executions_6 CHECK (char_length(error_code) <= 64),
    error_message   text CONSTRAINT ck_tool_executions_7 CHECK (char_length(error_message) <= 2000),
    duration_ms     integer CONSTRAINT ck_tool_executions_8 CHECK (duration_ms >= 0),
    attempt         integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_tool_executions_9 CHECK (attempt BETWEEN 1 AND 10),
    confirmed_by    uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_tool_executions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_tool_executions_tool_id FOREIGN KEY (organization_id, tool_id)
        REFERENCES tools (organization_id, id) ON DELETE SET NULL (tool_id),
    CONSTRAINT fk_tool_executions_step_id FOREIGN KEY (organization_id, step_id)
        REFERENCES agent_execution_steps (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_tool_executions_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE SET NULL (conversation_id),
    CONSTRAINT fk_tool_executions_confirmed_by FOREIGN KEY (confirmed_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE tool_executions IS 'one tool call with redacted input and output';

CREATE INDEX ix_tool_executions_1 ON tool_executions (organization_id, tool_id, created_at DESC);
CREATE INDEX ix_tool_executions_2 ON tool_executions (organization_id, created_at DESC)
    WHERE status = 'failed';
CREATE INDEX ix_tool_executions_3 ON tool_executions (created_at) WHERE status = 'awaiting_confirmation';
-- for foreign keys that no index above serves
CREATE INDEX ix_tool_executions_4 ON tool_executions (organization_id, step_id);
CREATE INDEX ix_tool_executions_6 ON tool_executions (organization_id, conversation_id);

CREATE TRIGGER touch BEFORE UPDATE ON tool_executions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
