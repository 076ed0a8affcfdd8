SET LOCAL ROLE bb_owner;

CREATE TABLE outbox_events (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid,
    position        bigint      GENERATED ALWAYS AS IDENTITY,
    topic           text        NOT NULL CONSTRAINT ck_outbox_events_1 CHECK (char_length(topic) <= 120),
    partition_key   text        NOT NULL CONSTRAINT ck_outbox_events_2 CHECK (char_length(partition_key) <= 300),
    event_type      text        NOT NULL
        CONSTRAINT ck_outbox_events_3 CHECK (event_type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND char_length(event_type) <= 128),
    entity_id       uuid,
    payload         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_outbox_events_4 CHECK (jsonb_typeof(payload) = 'object'),
    headers         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_outbox_events_5 CHECK (jsonb_typeof(headers) = 'object'),
    available_at    timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0 CONSTRAINT ck_outbox_events_6 CHECK (attempts >= 0),
    published_at    timestamptz,
    last_error      text CONSTRAINT ck_outbox_events_7 CHECK (char_length(last_error) <= 1000),
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_outbox_events_1 UNIQUE (position),
    CONSTRAINT fk_outbox_events_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
COMMENT ON TABLE outbox_events IS 'ADDITION: records written in the same transaction as the change; published after the commit by the worker that wrote them, else by the relay';

CREATE INDEX ix_outbox_events_1 ON outbox_events (position) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_events_2 ON outbox_events (published_at) WHERE published_at IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_outbox_events_3 ON outbox_events (organization_id);

CREATE TABLE dedupe_keys (
    organization_id uuid,
    scope           text        NOT NULL CONSTRAINT ck_dedupe_keys_1 CHECK (char_length(scope) <= 64),
    key             text        NOT NULL CONSTRAINT ck_dedupe_keys_2 CHECK (char_length(key) <= 300),
    ref_id          uuid,
    ref_created_at  timestamptz,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key),
    CONSTRAINT fk_dedupe_keys_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_insert_scale_factor = 0.1);
COMMENT ON TABLE dedupe_keys IS 'ADDITION: global uniqueness across partitions, and the inbox of at-least-once consumers';

CREATE INDEX ix_dedupe_keys_1 ON dedupe_keys (expires_at);
-- for foreign keys that no index above serves
CREATE INDEX ix_dedupe_keys_2 ON dedupe_keys (organization_id);

CREATE TABLE idempotency_keys (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    principal       text        NOT NULL CONSTRAINT ck_idempotency_keys_1 CHECK (char_length(principal) <= 80),
    key             text        NOT NULL CONSTRAINT ck_idempotency_keys_2 CHECK (char_length(key) <= 128),
    method          text        NOT NULL CONSTRAINT ck_idempotency_keys_3 CHECK (char_length(method) <= 8),
    path            text        NOT NULL CONSTRAINT ck_idempotency_keys_4 CHECK (char_length(path) <= 300),
    request_hash    bytea       NOT NULL CONSTRAINT ck_idempotency_keys_5 CHECK (octet_length(request_hash) = 32),
    status          text        NOT NULL DEFAULT 'in_progress'
        CONSTRAINT ck_idempotency_keys_6 CHECK (status IN ('in_progress', 'completed')),
    response_status integer CONSTRAINT ck_idempotency_keys_7 CHECK (response_status BETWEEN 100 AND 599),
    response_body   jsonb,
    response_ct     bytea,
    response_kid    text CONSTRAINT ck_idempotency_keys_8 CHECK ((response_ct IS NULL) = (response_kid IS NULL)),
    resource_id     uuid,
    locked_until    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_idempotency_keys_1 UNIQUE (organization_id, principal, key),
    CONSTRAINT fk_idempotency_keys_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
);
COMMENT ON TABLE idempotency_keys IS 'ADDITION: replay protection for mutating API calls';

CREATE INDEX ix_idempotency_keys_1 ON idempotency_keys (expires_at);

CREATE TABLE message_events (
    id              uuid        NOT NULL,
    organization_id uuid        NOT NULL,
    message_id      uuid        NOT NULL,
    conversation_id uuid,
    channel_id      uuid,
    at              timestamptz NOT NULL,
    stage           text        NOT NULL
        CONSTRAINT ck_message_events_1 CHECK (stage IN ('received', 'verified', 'appended', 'deduplicated', 'turn', 'queued', 'attempt', 'accepted', 'refused', 'status', 'downgraded', 'uncertain', 'dead', 'replayed', 'expired', 'unsupported')),
    attempt         integer     NOT NULL DEFAULT 0 CONSTRAINT ck_message_events_2 CHECK (attempt >= 0),
    provider_code   text CONSTRAINT ck_message_events_3 CHECK (char_length(provider_code) <= 64),
    duration_us     bigint CONSTRAINT ck_message_events_4 CHECK (duration_us >= 0),
    detail          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_message_events_5 CHECK (jsonb_typeof(detail) = 'object'),
    trace_id        text CONSTRAINT ck_message_events_6 CHECK (char_length(trace_id) <= 32),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_message_events_7 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id))
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE message_events IS 'ADDITION: the trail of a message, one row per stage it passed; written in batches';

CREATE INDEX ix_message_events_1 ON message_events (organization_id, message_id, at);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON message_events
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

-- Wakes the relay once for each statement. A transaction that publishes its own rows after the commit sets
-- app.outbox_quiet to on: commits that notify take turns across the whole server, the disk flush included.
CREATE FUNCTION app.outbox_notify() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('app.outbox_quiet', true) IS DISTINCT FROM 'on' THEN
        PERFORM pg_notify('outbox', '');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.outbox_notify() IS 'trigger: notifies channel outbox, unless app.outbox_quiet is on';

CREATE TRIGGER outbox_notify AFTER INSERT ON outbox_events
    FOR EACH STATEMENT EXECUTE FUNCTION app.outbox_notify();

RESET ROLE;
