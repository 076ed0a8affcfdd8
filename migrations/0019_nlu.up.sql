SET LOCAL ROLE bb_owner;

CREATE TABLE intents (
    id                  uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid          NOT NULL,
    bot_id              uuid          NOT NULL,
    name                text          NOT NULL CONSTRAINT ck_intents_1 CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    display_name        text CONSTRAINT ck_intents_2 CHECK (char_length(display_name) <= 120),
    description         text CONSTRAINT ck_intents_3 CHECK (char_length(description) <= 1000),
    is_active           boolean       NOT NULL DEFAULT true,
    is_fallback         boolean       NOT NULL DEFAULT false,
    accept_score        numeric(4, 3),
    response_message_id uuid,
    target_flow_id      uuid,
    example_count       integer       NOT NULL DEFAULT 0 CONSTRAINT ck_intents_4 CHECK (example_count >= 0),
    created_by          uuid,
    created_at          timestamptz   NOT NULL DEFAULT now(),
    updated_at          timestamptz   NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    CONSTRAINT uq_intents_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_intents_5 CHECK (accept_score BETWEEN 0 AND 1.5),
    CONSTRAINT fk_intents_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_intents_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_intents_response_message_id FOREIGN KEY (organization_id, response_message_id)
        REFERENCES bot_messages (organization_id, id) ON DELETE SET NULL (response_message_id),
    CONSTRAINT fk_intents_target_flow_id FOREIGN KEY (organization_id, target_flow_id)
        REFERENCES bot_flows (organization_id, id) ON DELETE SET NULL (target_flow_id),
    CONSTRAINT fk_intents_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE intents IS 'something an end user may want; routes to a reply or a flow';

CREATE UNIQUE INDEX uq_intents_2 ON intents (bot_id, name)
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_intents_3 ON intents (bot_id)
    WHERE is_fallback AND deleted_at IS NULL;
CREATE INDEX ix_intents_1 ON intents (organization_id, bot_id, is_active) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_intents_2 ON intents (organization_id, bot_id);
CREATE INDEX ix_intents_3 ON intents (organization_id, response_message_id);
CREATE INDEX ix_intents_4 ON intents (organization_id, target_flow_id);

CREATE TRIGGER touch BEFORE UPDATE ON intents
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE intent_examples (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    intent_id       uuid        NOT NULL,
    bot_id          uuid        NOT NULL,
    text            text        NOT NULL CONSTRAINT ck_intent_examples_1 CHECK (char_length(text) <= 1000),
    text_key        text        NOT NULL CONSTRAINT ck_intent_examples_2 CHECK (char_length(text_key) <= 64),  -- hex digest of the normalized text
    language        text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_intent_examples_3 CHECK (char_length(language) <= 16),
    source          text        NOT NULL DEFAULT 'manual'
        CONSTRAINT ck_intent_examples_4 CHECK (source IN ('manual', 'import', 'log', 'generated', 'voice')),
    entities        jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_intent_examples_5 CHECK (jsonb_typeof(entities) = 'array'),
    embedding       halfvec CONSTRAINT ck_intent_examples_6 CHECK (l2_norm(embedding) > 0),
    embedding_model text CONSTRAINT ck_intent_examples_7 CHECK (char_length(embedding_model) <= 120),
    embedded_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_intent_examples_1 UNIQUE (intent_id, language, text_key),
    CONSTRAINT fk_intent_examples_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_intent_examples_intent_id FOREIGN KEY (organization_id, intent_id)
        REFERENCES intents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_intent_examples_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE intent_examples IS 'a training utterance with optional annotated entity spans';

CREATE INDEX ix_intent_examples_1 ON intent_examples (organization_id, bot_id, text_key);
CREATE INDEX ix_intent_examples_2 ON intent_examples USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)
    WITH (m = 16, ef_construction = 64)
    WHERE vector_dims(embedding) = 384;
CREATE INDEX ix_intent_examples_3 ON intent_examples USING gin (text gin_trgm_ops);

CREATE TRIGGER touch BEFORE UPDATE ON intent_examples
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE entities (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    bot_id          uuid        NOT NULL,
    name            text        NOT NULL CONSTRAINT ck_entities_1 CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    display_name    text CONSTRAINT ck_entities_2 CHECK (char_length(display_name) <= 120),
    kind            text        NOT NULL DEFAULT 'list'
        CONSTRAINT ck_entities_3 CHECK (kind IN ('list', 'pattern', 'system', 'free_text')),
    system_type     text
        CONSTRAINT ck_entities_4 CHECK (system_type IN ('number', 'date', 'time', 'email', 'phone', 'url', 'currency', 'duration', 'location')),
    pattern         text CONSTRAINT ck_entities_5 CHECK (char_length(pattern) <= 500),
    fuzzy_match     boolean     NOT NULL DEFAULT true,
    is_sensitive    boolean     NOT NULL DEFAULT false,
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT uq_entities_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_entities_6 CHECK ((kind = 'system') = (system_type IS NOT NULL)),
    CONSTRAINT ck_entities_7 CHECK ((kind = 'pattern') = (pattern IS NOT NULL)),
    CONSTRAINT fk_entities_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_entities_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_entities_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE entities IS 'a kind of value to extract from text';

CREATE UNIQUE INDEX uq_entities_2 ON entities (bot_id, name)
    WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_entities_1 ON entities (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON entities
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE entity_values (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    entity_id       uuid        NOT NULL,
    value           text        NOT NULL CONSTRAINT ck_entity_values_1 CHECK (char_length(value) <= 200),
    synonyms        text[]      NOT NULL DEFAULT '{}',
    language        text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_entity_values_2 CHECK (char_length(language) <= 16),
    metadata        jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_entity_values_3 CHECK (jsonb_typeof(metadata) = 'object'),
    sort_order      integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_entity_values_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_entity_values_entity_id FOREIGN KEY (organization_id, entity_id)
        REFERENCES entities (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE entity_values IS 'canonical value of a list entity and its synonyms';

CREATE UNIQUE INDEX uq_entity_values_1 ON entity_values (entity_id, language, lower(value));
CREATE INDEX ix_entity_values_1 ON entity_values USING gin (synonyms);
CREATE INDEX ix_entity_values_2 ON entity_values USING gin (value gin_trgm_ops);
-- for foreign keys that no index above serves
CREATE INDEX ix_entity_values_3 ON entity_values (organization_id);

CREATE TRIGGER touch BEFORE UPDATE ON entity_values
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
