SET LOCAL ROLE bb_owner;

CREATE TABLE agents (
    id                      uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id         uuid          NOT NULL,
    bot_id                  uuid          NOT NULL,
    name                    text          NOT NULL CONSTRAINT ck_agents_1 CHECK (char_length(name) <= 120),
    role                    text          NOT NULL DEFAULT 'assistant'
        CONSTRAINT ck_agents_2 CHECK (role IN ('assistant', 'router', 'researcher', 'writer', 'analyzer', 'reviewer', 'orchestrator', 'custom')),
    instructions            text          NOT NULL
        CONSTRAINT ck_agents_3 CHECK (char_length(instructions) <= 32000),
    provider_integration_id uuid,
    model                   text          NOT NULL CONSTRAINT ck_agents_4 CHECK (char_length(model) <= 120),
    model_version_id        uuid,
    temperature             numeric(3, 2) NOT NULL DEFAULT 0.7,
    top_p                   numeric(3, 2),
    max_output_tokens       integer       NOT NULL DEFAULT 1024
        CONSTRAINT ck_agents_5 CHECK (max_output_tokens BETWEEN 1 AND 65536),
    history_messages        integer       NOT NULL DEFAULT 20
        CONSTRAINT ck_agents_6 CHECK (history_messages BETWEEN 0 AND 200),
    response_format         text          NOT NULL DEFAULT 'text'
        CONSTRAINT ck_agents_7 CHECK (response_format IN ('text', 'json')),
    response_schema         jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agents_8 CHECK (jsonb_typeof(response_schema) = 'object'),
    capabilities            text[]        NOT NULL DEFAULT '{}',
    guardrails              jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agents_9 CHECK (jsonb_typeof(guardrails) = 'object'),
    retrieval               jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_agents_10 CHECK (jsonb_typeof(retrieval) = 'object'),
    is_active               boolean       NOT NULL DEFAULT true,
    created_by              uuid,
    created_at              timestamptz   NOT NULL DEFAULT now(),
    updated_at              timestamptz   NOT NULL DEFAULT now(),
    deleted_at              timestamptz,
    lock_version            integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_agents_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_agents_11 CHECK (temperature BETWEEN 0 AND 2),
    CONSTRAINT ck_agents_12 CHECK (top_p IS NULL OR top_p BETWEEN 0 AND 1),
    CONSTRAINT ck_agents_13 CHECK (app.valid_settings('agent_retrieval', retrieval)),
    CONSTRAINT fk_agents_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agents_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agents_provider_integration_id FOREIGN KEY (organization_id, provider_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (provider_integration_id),
    CONSTRAINT fk_agents_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE agents IS 'a language-model persona of one bot: instructions, model, limits, retrieval settings';

CREATE UNIQUE INDEX uq_agents_2 ON agents (bot_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_agents_1 ON agents (organization_id, bot_id, is_active) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_agents_2 ON agents (organization_id, bot_id);
CREATE INDEX ix_agents_3 ON agents (organization_id, provider_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON agents
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
