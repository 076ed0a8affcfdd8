SET LOCAL ROLE bb_owner;

CREATE TABLE agent_workflows (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    bot_id          uuid        NOT NULL,
    name            text        NOT NULL CONSTRAINT ck_agent_workflows_1 CHECK (char_length(name) <= 120),
    description     text CONSTRAINT ck_agent_workflows_2 CHECK (char_length(description) <= 2000),
    kind            text        NOT NULL DEFAULT 'sequential'
        CONSTRAINT ck_agent_workflows_3 CHECK (kind IN ('sequential', 'parallel', 'conditional', 'router', 'mixed')),
    definition      jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_workflows_4 CHECK (jsonb_typeof(definition) = 'object'),
    entry_agent_id  uuid,
    status          text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_agent_workflows_5 CHECK (status IN ('draft', 'active', 'disabled')),
    is_default      boolean     NOT NULL DEFAULT false,
    timeout_seconds integer     NOT NULL DEFAULT 120
        CONSTRAINT ck_agent_workflows_6 CHECK (timeout_seconds BETWEEN 1 AND 3600),
    max_cost        bigint CONSTRAINT ck_agent_workflows_7 CHECK (max_cost >= 0),
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    lock_version    integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_agent_workflows_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_agent_workflows_8 CHECK (app.valid_settings('workflow', definition)),
    CONSTRAINT fk_agent_workflows_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_workflows_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_workflows_entry_agent_id FOREIGN KEY (organization_id, entry_agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (entry_agent_id),
    CONSTRAINT fk_agent_workflows_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE agent_workflows IS 'arrangement of several agents: sequence, parallel, conditional, router or mixed stages';

CREATE UNIQUE INDEX uq_agent_workflows_2 ON agent_workflows (bot_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_agent_workflows_3 ON agent_workflows (bot_id)
    WHERE is_default AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_agent_workflows_1 ON agent_workflows (organization_id, bot_id);
CREATE INDEX ix_agent_workflows_2 ON agent_workflows (organization_id, entry_agent_id);

CREATE TRIGGER touch BEFORE UPDATE ON agent_workflows
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE workflow_executions (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    workflow_id       uuid,
    orchestration_id  uuid,
    bot_id            uuid        NOT NULL,
    conversation_id   uuid,
    trigger           text        NOT NULL
        CONSTRAINT ck_workflow_executions_1 CHECK (trigger IN ('api', 'message', 'schedule', 'test', 'flow')),
    status            text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_workflow_executions_2 CHECK (status IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'canceled', 'timed_out')),
    input             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_workflow_executions_3 CHECK (jsonb_typeof(input) = 'object'),
    output            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_workflow_executions_4 CHECK (jsonb_typeof(output) = 'object'),
    snapshot          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_workflow_executions_5 CHECK (jsonb_typeof(snapshot) = 'object'),
    error_code        text CONSTRAINT ck_workflow_executions_6 CHECK (char_length(error_code) <= 64),
    error_message     text CONSTRAINT ck_workflow_executions_7 CHECK (char_length(error_message) <= 2000),
    idempotency_key   text CONSTRAINT ck_workflow_executions_8 CHECK (char_length(idempotency_key) <= 128),
    prompt_tokens     integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_workflow_executions_9 CHECK (prompt_tokens >= 0),
    completion_tokens integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_workflow_executions_10 CHECK (completion_tokens >= 0),
    cost              bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_workflow_executions_11 CHECK (cost >= 0),
    currency          text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_workflow_executions_12 CHECK (currency ~ '^[A-Z]{3}$'),
    started_at        timestamptz,
    finished_at       timestamptz,
    heartbeat_at      timestamptz,
    worker            text CONSTRAINT ck_workflow_executions_13 CHECK (char_length(worker) <= 80),
    attempts          integer     NOT NULL DEFAULT 0 CONSTRAINT ck_workflow_executions_14 CHECK (attempts >= 0),
    requested_by      uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_workflow_executions_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_workflow_executions_2 UNIQUE (organization_id, idempotency_key),
    CONSTRAINT ck_workflow_executions_15 CHECK (num_nonnulls(workflow_id, orchestration_id) <= 1),
    CONSTRAINT ck_workflow_executions_16 CHECK ((status IN ('succeeded', 'failed', 'canceled', 'timed_out')) = (finished_at IS NOT NULL)),
    CONSTRAINT fk_workflow_executions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_workflow_executions_workflow_id FOREIGN KEY (organization_id, workflow_id)
        REFERENCES agent_workflows (organization_id, id) ON DELETE SET NULL (workflow_id),
    CONSTRAINT fk_workflow_executions_orchestration_id FOREIGN KEY (organization_id, orchestration_id)
        REFERENCES flow_orchestrations (organization_id, id) ON DELETE SET NULL (orchestration_id),
    CONSTRAINT fk_workflow_executions_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_workflow_executions_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE SET NULL (conversation_id),
    CONSTRAINT fk_workflow_executions_requested_by FOREIGN KEY (requested_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE workflow_executions IS 'one run of a workflow or an orchestration';

CREATE INDEX ix_workflow_executions_1 ON workflow_executions (organization_id, bot_id, created_at DESC);
CREATE INDEX ix_workflow_executions_2 ON workflow_executions (organization_id, workflow_id, created_at DESC);
CREATE INDEX ix_workflow_executions_3 ON workflow_executions (organization_id, orchestration_id);
CREATE INDEX ix_workflow_executions_4 ON workflow_executions (created_at) WHERE status = 'pending';
CREATE INDEX ix_workflow_executions_5 ON workflow_executions (heartbeat_at) WHERE status = 'running';
CREATE INDEX ix_workflow_executions_6 ON workflow_executions (organization_id, conversation_id);

CREATE TRIGGER touch BEFORE UPDATE ON workflow_executions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE agent_execution_steps (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    execution_id      uuid        NOT NULL,
    agent_id          uuid,
    parent_step_id    uuid,
    step_no           integer     NOT NULL CONSTRAINT ck_agent_execution_steps_1 CHECK (step_no >= 0),
    attempt           integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_agent_execution_steps_2 CHECK (attempt BETWEEN 1 AND 20),
    kind              text        NOT NULL
        CONSTRAINT ck_agent_execution_steps_3 CHECK (kind IN ('plan', 'model', 'tool', 'retrieval', 'handoff', 'condition', 'merge')),
    status            text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_agent_execution_steps_4 CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'skipped', 'canceled')),
    input             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_execution_steps_5 CHECK (jsonb_typeof(input) = 'object'),
    output            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_execution_steps_6 CHECK (jsonb_typeof(output) = 'object'),
    rationale         text CONSTRAINT ck_agent_execution_steps_7 CHECK (char_length(rationale) <= 4000),
    error_code        text CONSTRAINT ck_agent_execution_steps_8 CHECK (char_length(error_code) <= 64),
    error_message     text CONSTRAINT ck_agent_execution_steps_9 CHECK (char_length(error_message) <= 2000),
    prompt_tokens     integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_agent_execution_steps_10 CHECK (prompt_tokens >= 0),
    completion_tokens integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_agent_execution_steps_11 CHECK (completion_tokens >= 0),
    cost              bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_agent_execution_steps_12 CHECK (cost >= 0),
    started_at        timestamptz,
    finished_at       timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_agent_execution_steps_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_agent_execution_steps_2 UNIQUE (execution_id, step_no, attempt),
    CONSTRAINT fk_agent_execution_steps_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_execution_steps_execution_id FOREIGN KEY (organization_id, execution_id)
        REFERENCES workflow_executions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_execution_steps_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT fk_agent_execution_steps_parent_step_id FOREIGN KEY (organization_id, parent_step_id)
        REFERENCES agent_execution_steps (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE agent_execution_steps IS 'one step of a run: model call, tool call, retrieval, hand-over, merge';

CREATE INDEX ix_agent_execution_steps_1 ON agent_execution_steps (organization_id, agent_id, created_at DESC);
-- for foreign keys that no index above serves
CREATE INDEX ix_agent_execution_steps_2 ON agent_execution_steps (organization_id, parent_step_id);

CREATE TRIGGER touch BEFORE UPDATE ON agent_execution_steps
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE agent_messages (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    execution_id    uuid        NOT NULL,
    step_id         uuid,
    from_agent_id   uuid,
    to_agent_id     uuid,
    seq             integer     NOT NULL CONSTRAINT ck_agent_messages_1 CHECK (seq >= 0),
    kind            text        NOT NULL DEFAULT 'data'
        CONSTRAINT ck_agent_messages_2 CHECK (kind IN ('task', 'data', 'question', 'answer', 'result', 'error', 'control')),
    content         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_messages_3 CHECK (jsonb_typeof(content) = 'object'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_agent_messages_1 UNIQUE (execution_id, seq),
    CONSTRAINT fk_agent_messages_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_messages_execution_id FOREIGN KEY (organization_id, execution_id)
        REFERENCES workflow_executions (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_messages_step_id FOREIGN KEY (organization_id, step_id)
        REFERENCES agent_execution_steps (organization_id, id) ON DELETE SET NULL (step_id),
    CONSTRAINT fk_agent_messages_from_agent_id FOREIGN KEY (organization_id, from_agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (from_agent_id),
    CONSTRAINT fk_agent_messages_to_agent_id FOREIGN KEY (organization_id, to_agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (to_agent_id)
);
COMMENT ON TABLE agent_messages IS 'message passed between agents during a run';

-- for foreign keys
CREATE INDEX ix_agent_messages_1 ON agent_messages (organization_id, step_id);
CREATE INDEX ix_agent_messages_2 ON agent_messages (organization_id, from_agent_id);
CREATE INDEX ix_agent_messages_3 ON agent_messages (organization_id, to_agent_id);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON agent_messages
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

RESET ROLE;
