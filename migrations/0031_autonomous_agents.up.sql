SET LOCAL ROLE bb_owner;

CREATE TABLE autonomous_agents (
    id                      uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id         uuid          NOT NULL,
    name                    text          NOT NULL
        CONSTRAINT ck_autonomous_agents_1 CHECK (char_length(name) <= 120),
    description             text CONSTRAINT ck_autonomous_agents_2 CHECK (char_length(description) <= 2000),
    goal                    text          NOT NULL
        CONSTRAINT ck_autonomous_agents_3 CHECK (char_length(goal) <= 8000),
    instructions            text CONSTRAINT ck_autonomous_agents_4 CHECK (char_length(instructions) <= 32000),
    constraints             text[]        NOT NULL DEFAULT '{}',
    provider_integration_id uuid,
    model                   text          NOT NULL
        CONSTRAINT ck_autonomous_agents_5 CHECK (char_length(model) <= 120),
    temperature             numeric(3, 2) NOT NULL DEFAULT 0.3,
    memory                  jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_autonomous_agents_6 CHECK (jsonb_typeof(memory) = 'object'),
    max_steps               integer       NOT NULL DEFAULT 20
        CONSTRAINT ck_autonomous_agents_7 CHECK (max_steps BETWEEN 1 AND 200),
    max_minutes             integer       NOT NULL DEFAULT 30
        CONSTRAINT ck_autonomous_agents_8 CHECK (max_minutes BETWEEN 1 AND 1440),
    max_cost                bigint CONSTRAINT ck_autonomous_agents_9 CHECK (max_cost >= 0),
    approval_mode           text          NOT NULL DEFAULT 'risky_tools'
        CONSTRAINT ck_autonomous_agents_10 CHECK (approval_mode IN ('never', 'risky_tools', 'every_step')),
    schedule_cron           text CONSTRAINT ck_autonomous_agents_11 CHECK (char_length(schedule_cron) <= 120),
    schedule_timezone       text          NOT NULL DEFAULT 'UTC'
        CONSTRAINT ck_autonomous_agents_12 CHECK (char_length(schedule_timezone) <= 64),
    next_run_at             timestamptz,
    status                  text          NOT NULL DEFAULT 'active'
        CONSTRAINT ck_autonomous_agents_13 CHECK (status IN ('active', 'paused', 'archived')),
    created_by              uuid,
    created_at              timestamptz   NOT NULL DEFAULT now(),
    updated_at              timestamptz   NOT NULL DEFAULT now(),
    deleted_at              timestamptz,
    lock_version            integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_autonomous_agents_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_autonomous_agents_14 CHECK (schedule_cron IS NOT NULL OR next_run_at IS NULL),
    CONSTRAINT fk_autonomous_agents_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_autonomous_agents_provider_integration_id FOREIGN KEY (organization_id, provider_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (provider_integration_id),
    CONSTRAINT fk_autonomous_agents_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE autonomous_agents IS 'goal-driven agent that plans and runs tasks by itself, within hard limits';

CREATE UNIQUE INDEX uq_autonomous_agents_2 ON autonomous_agents (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_autonomous_agents_1 ON autonomous_agents (next_run_at)
    WHERE status = 'active' AND next_run_at IS NOT NULL AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_autonomous_agents_2 ON autonomous_agents (organization_id, provider_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON autonomous_agents
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE agent_tasks (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    agent_id        uuid        NOT NULL,
    description     text        NOT NULL CONSTRAINT ck_agent_tasks_1 CHECK (char_length(description) <= 8000),
    input           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_tasks_2 CHECK (jsonb_typeof(input) = 'object'),
    result          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agent_tasks_3 CHECK (jsonb_typeof(result) = 'object'),
    trigger         text        NOT NULL DEFAULT 'manual'
        CONSTRAINT ck_agent_tasks_4 CHECK (trigger IN ('manual', 'api', 'schedule', 'event')),
    status          text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_agent_tasks_5 CHECK (status IN ('queued', 'planning', 'running', 'waiting_approval', 'succeeded', 'failed', 'canceled', 'timed_out')),
    priority        integer     NOT NULL DEFAULT 0,
    scheduled_for   timestamptz NOT NULL DEFAULT now(),
    steps_total     integer     NOT NULL DEFAULT 0 CONSTRAINT ck_agent_tasks_6 CHECK (steps_total >= 0),
    steps_done      integer     NOT NULL DEFAULT 0 CONSTRAINT ck_agent_tasks_7 CHECK (steps_done >= 0),
    tokens          integer     NOT NULL DEFAULT 0 CONSTRAINT ck_agent_tasks_8 CHECK (tokens >= 0),
    cost            bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_agent_tasks_9 CHECK (cost >= 0),
    currency        text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_agent_tasks_10 CHECK (currency ~ '^[A-Z]{3}$'),
    attempt         integer     NOT NULL DEFAULT 1 CONSTRAINT ck_agent_tasks_11 CHECK (attempt BETWEEN 1 AND 10),
    claimed_by      text CONSTRAINT ck_agent_tasks_12 CHECK (char_length(claimed_by) <= 80),
    heartbeat_at    timestamptz,
    error_code      text CONSTRAINT ck_agent_tasks_13 CHECK (char_length(error_code) <= 64),
    error_message   text CONSTRAINT ck_agent_tasks_14 CHECK (char_length(error_message) <= 2000),
    started_at      timestamptz,
    finished_at     timestamptz,
    requested_by    uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_agent_tasks_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_agent_tasks_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_tasks_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES autonomous_agents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_tasks_requested_by FOREIGN KEY (requested_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE agent_tasks IS 'a unit of work given to an autonomous agent';

CREATE INDEX ix_agent_tasks_1 ON agent_tasks (priority DESC, scheduled_for) WHERE status = 'queued';
CREATE INDEX ix_agent_tasks_2 ON agent_tasks (heartbeat_at) WHERE status IN ('planning', 'running');
CREATE INDEX ix_agent_tasks_3 ON agent_tasks (organization_id, agent_id, created_at DESC);

CREATE TRIGGER touch BEFORE UPDATE ON agent_tasks
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE task_steps (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    task_id         uuid        NOT NULL,
    step_no         integer     NOT NULL CONSTRAINT ck_task_steps_1 CHECK (step_no >= 0),
    attempt         integer     NOT NULL DEFAULT 1 CONSTRAINT ck_task_steps_2 CHECK (attempt BETWEEN 1 AND 10),
    kind            text        NOT NULL
        CONSTRAINT ck_task_steps_3 CHECK (kind IN ('think', 'plan', 'tool', 'observe', 'ask_human', 'final')),
    title           text        NOT NULL CONSTRAINT ck_task_steps_4 CHECK (char_length(title) <= 200),
    status          text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_task_steps_5 CHECK (status IN ('pending', 'running', 'waiting_approval', 'succeeded', 'failed', 'skipped')),
    input           jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_task_steps_6 CHECK (jsonb_typeof(input) = 'object'),
    output          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_task_steps_7 CHECK (jsonb_typeof(output) = 'object'),
    rationale       text CONSTRAINT ck_task_steps_8 CHECK (char_length(rationale) <= 4000),
    tokens          integer     NOT NULL DEFAULT 0 CONSTRAINT ck_task_steps_9 CHECK (tokens >= 0),
    cost            bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_task_steps_10 CHECK (cost >= 0),
    error_message   text CONSTRAINT ck_task_steps_11 CHECK (char_length(error_message) <= 2000),
    started_at      timestamptz,
    finished_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_task_steps_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_task_steps_2 UNIQUE (task_id, step_no, attempt),
    CONSTRAINT fk_task_steps_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_task_steps_task_id FOREIGN KEY (organization_id, task_id)
        REFERENCES agent_tasks (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE task_steps IS 'one thought, tool call, observation or question of a task';

CREATE TRIGGER touch BEFORE UPDATE ON task_steps
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
