SET LOCAL ROLE bb_owner;

CREATE TABLE audit_chain_heads (
    chain_key  uuid        NOT NULL,
    last_seq   bigint      NOT NULL DEFAULT 0,
    last_hash  bytea       NOT NULL CONSTRAINT ck_audit_chain_heads_1 CHECK (octet_length(last_hash) = 32),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_key)
);
COMMENT ON TABLE audit_chain_heads IS 'ADDITION: last sequence number and hash of each audit chain';

CREATE TABLE audit_logs (
    id              uuid        NOT NULL,
    organization_id uuid,
    chain_key       uuid        NOT NULL,
    seq             bigint      NOT NULL,
    actor_type      text        NOT NULL
        CONSTRAINT ck_audit_logs_1 CHECK (actor_type IN ('user', 'api_token', 'system', 'worker', 'admin', 'scim', 'plugin')),
    actor_id        uuid,
    actor_label     text CONSTRAINT ck_audit_logs_2 CHECK (char_length(actor_label) <= 255),
    action          text        NOT NULL
        CONSTRAINT ck_audit_logs_3 CHECK (action ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND char_length(action) <= 128),
    resource_type   text        NOT NULL CONSTRAINT ck_audit_logs_4 CHECK (char_length(resource_type) <= 64),
    resource_id     uuid,
    outcome         text        NOT NULL DEFAULT 'success'
        CONSTRAINT ck_audit_logs_5 CHECK (outcome IN ('success', 'denied', 'failure')),
    old_values      jsonb CONSTRAINT ck_audit_logs_6 CHECK (jsonb_typeof(old_values) = 'object'),
    new_values      jsonb CONSTRAINT ck_audit_logs_7 CHECK (jsonb_typeof(new_values) = 'object'),
    metadata        jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_audit_logs_8 CHECK (jsonb_typeof(metadata) = 'object'),
    ip              inet,
    user_agent      text CONSTRAINT ck_audit_logs_9 CHECK (char_length(user_agent) <= 512),
    request_id      uuid,
    session_id      uuid,
    prev_hash       bytea       NOT NULL CONSTRAINT ck_audit_logs_10 CHECK (octet_length(prev_hash) = 32),
    entry_hash      bytea       NOT NULL CONSTRAINT ck_audit_logs_11 CHECK (octet_length(entry_hash) = 32),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_audit_logs_12 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id))
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE audit_logs IS 'tamper-evident record of security-relevant actions; hash chain per organization';

CREATE INDEX ix_audit_logs_1 ON audit_logs (organization_id, created_at DESC);
CREATE INDEX ix_audit_logs_2 ON audit_logs (organization_id, actor_id, created_at DESC);
CREATE INDEX ix_audit_logs_3 ON audit_logs (chain_key, seq);
CREATE INDEX ix_audit_logs_4 ON audit_logs (organization_id, resource_type, resource_id, created_at DESC);
CREATE INDEX ix_audit_logs_5 ON audit_logs (organization_id, action, created_at DESC);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

-- The hash of an entry covers the hash before it and every other column, so a changed, removed or inserted row is
-- found by app.audit_verify. Instants go in as microseconds since the epoch: their text depends on settings.
-- Empty columns are left out, so that a column added later does not break the chain.
CREATE FUNCTION app.audit_entry_hash(prev_hash bytea, entry jsonb, created_at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(prev_hash || convert_to((
        SELECT jsonb_object_agg(field.key, CASE field.key
                   WHEN 'created_at' THEN to_jsonb((extract(epoch FROM created_at) * 1000000)::bigint)
                   ELSE field.value END)
          FROM jsonb_each(entry) field
         WHERE field.key <> 'entry_hash' AND field.value <> 'null'::jsonb)::text, 'UTF8'));
COMMENT ON FUNCTION app.audit_entry_hash(bytea, jsonb, timestamptz) IS 'hash of one audit entry in its chain';
GRANT EXECUTE ON FUNCTION app.audit_entry_hash(bytea, jsonb, timestamptz) TO bb_definer;

-- One chain for each organization; entries of accounts that belong to none are chained by account. The nil uuid is
-- the chain of admin_audit_log. The lock on the head row puts concurrent writers of one chain in order.
SET LOCAL ROLE bb_definer;
CREATE FUNCTION app.audit_append() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET bytea_output = 'hex'
    SET timezone = 'UTC' AS $$
DECLARE
    nil constant uuid := '00000000-0000-0000-0000-000000000000';
    chain uuid;
    head audit_chain_heads%ROWTYPE;
BEGIN
    IF TG_TABLE_NAME = 'admin_audit_log' THEN
        chain := nil;
    ELSE
        chain := coalesce(NEW.organization_id, NEW.chain_key, NEW.actor_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
        IF chain = nil THEN
            RAISE EXCEPTION 'the nil chain belongs to the platform' USING ERRCODE = 'check_violation';
        END IF;
        NEW.chain_key := chain;
    END IF;

    INSERT INTO audit_chain_heads (chain_key, last_seq, last_hash)
    VALUES (chain, 0, sha256(uuid_send(chain)))
        ON CONFLICT (chain_key) DO NOTHING;
    SELECT * INTO STRICT head FROM audit_chain_heads h WHERE h.chain_key = chain FOR UPDATE;

    NEW.seq := head.last_seq + 1;
    NEW.prev_hash := head.last_hash;
    NEW.entry_hash := app.audit_entry_hash(NEW.prev_hash, to_jsonb(NEW), NEW.created_at);
    UPDATE audit_chain_heads h
       SET last_seq = NEW.seq, last_hash = NEW.entry_hash, updated_at = now()
     WHERE h.chain_key = chain;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.audit_append() IS 'trigger: gives an audit entry its place in the hash chain';

-- Walks a chain and recomputes it. Returns the first sequence number that is missing or does not fit, NULL if all
-- do. The first entry of a range that begins after 1 leans on the entry before it, or, where that one is archived,
-- on the hash it names itself. Without to_seq it goes on to the end and compares that with the head of the chain.
CREATE FUNCTION app.audit_verify(chain uuid, from_seq bigint DEFAULT 1, to_seq bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET bytea_output = 'hex'
    SET timezone = 'UTC' AS $$
DECLARE
    nil constant uuid := '00000000-0000-0000-0000-000000000000';
    first_seq constant bigint := greatest(coalesce(from_seq, 1), 1);
    source constant text := CASE WHEN chain = nil THEN 'admin_audit_log e WHERE true'
                                 ELSE 'audit_logs e WHERE e.chain_key = $1' END;
    head audit_chain_heads%ROWTYPE;
    last_seq bigint;
    expected_seq bigint := first_seq;
    expected_prev bytea;
    entry record;
BEGIN
    IF chain IS NULL OR NOT app.may_act_for(chain) THEN
        RAISE EXCEPTION 'not the chain of this organization' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO head FROM audit_chain_heads h WHERE h.chain_key = chain;
    last_seq := coalesce(to_seq, head.last_seq, 0);
    IF first_seq = 1 THEN
        expected_prev := sha256(uuid_send(chain));
    ELSE
        EXECUTE format('SELECT e.entry_hash FROM %s AND e.seq = $2', source) INTO expected_prev
          USING chain, first_seq - 1;
    END IF;

    FOR entry IN EXECUTE format(
        'SELECT e.seq, e.created_at, e.prev_hash, e.entry_hash, to_jsonb(e) AS content
           FROM %s AND e.seq BETWEEN $2 AND $3 ORDER BY e.seq', source) USING chain, first_seq, last_seq LOOP
        IF entry.seq <> expected_seq
            OR entry.prev_hash <> coalesce(expected_prev, entry.prev_hash)
            OR entry.entry_hash <> app.audit_entry_hash(entry.prev_hash, entry.content, entry.created_at) THEN
            RETURN least(entry.seq, expected_seq);
        END IF;
        expected_seq := expected_seq + 1;
        expected_prev := entry.entry_hash;
    END LOOP;
    IF expected_seq <= last_seq THEN
        RETURN expected_seq;
    END IF;
    IF last_seq = head.last_seq AND last_seq >= first_seq AND expected_prev <> head.last_hash THEN
        RETURN last_seq;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.audit_verify(uuid, bigint, bigint) IS 'first broken sequence number of an audit chain, NULL if it is whole';
GRANT EXECUTE ON FUNCTION app.audit_verify(uuid, bigint, bigint) TO bb_app, bb_admin, bb_purge;
SET LOCAL ROLE bb_owner;

CREATE TRIGGER audit_append BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.audit_append();

RESET ROLE;
