SET LOCAL ROLE bb_owner;

CREATE TABLE partition_archives (
    id             uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    parent_table   text        NOT NULL
        CONSTRAINT ck_partition_archives_1 CHECK (char_length(parent_table) <= 64),
    partition_name text        NOT NULL
        CONSTRAINT ck_partition_archives_2 CHECK (char_length(partition_name) <= 64),
    range_start    timestamptz NOT NULL,
    range_end      timestamptz NOT NULL,
    row_count      bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_partition_archives_3 CHECK (row_count >= 0),
    bytes          bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_partition_archives_4 CHECK (bytes >= 0),
    sha256         bytea CONSTRAINT ck_partition_archives_5 CHECK (octet_length(sha256) = 32),
    storage_key    text CONSTRAINT ck_partition_archives_6 CHECK (char_length(storage_key) <= 512),
    state          text        NOT NULL DEFAULT 'exporting'
        CONSTRAINT ck_partition_archives_7 CHECK (state IN ('exporting', 'exported', 'detached', 'dropped', 'restored', 'failed')),
    chain_anchor   jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_partition_archives_8 CHECK (jsonb_typeof(chain_anchor) = 'object'),
    error_message  text CONSTRAINT ck_partition_archives_9 CHECK (char_length(error_message) <= 2000),
    exported_at    timestamptz,
    detached_at    timestamptz,
    dropped_at     timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_partition_archives_1 UNIQUE (parent_table, range_start)
);
COMMENT ON TABLE partition_archives IS 'ADDITION: ledger of exported and detached partitions';

CREATE INDEX ix_partition_archives_1 ON partition_archives (state)
    WHERE state IN ('exporting', 'exported', 'detached', 'failed');

CREATE TRIGGER touch BEFORE UPDATE ON partition_archives
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- The last steps of a partition past its retention. The jobs role exports it and writes the ledger
-- (partition_archives, state exported, with row count and digest); then, in this order:
--   app.archive_partition    detach, once the ledger agrees with what is in the table
--   app.drop_partition       drop: an archived one only after its object was verified
--   app.restore_partition    an empty table in schema archive, to load an exported month into
-- All run as the owner, who alone may do such things.

CREATE FUNCTION app.archive_partition(parent text, partition text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' AS $$
DECLARE
    month constant timestamptz := app.partition_month(parent, partition);
    ledger partition_archives%ROWTYPE;
    counted bigint;
    anchor jsonb := '{}';
BEGIN
    IF month IS NULL OR NOT EXISTS (
        SELECT FROM pg_inherits h
         WHERE h.inhparent = to_regclass('public.' || quote_ident(parent))
           AND h.inhrelid = to_regclass('public.' || quote_ident(partition))) THEN
        RAISE EXCEPTION '% is not a partition of %', partition, parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO ledger FROM partition_archives a
     WHERE a.parent_table = parent AND a.range_start = month FOR UPDATE;
    IF NOT FOUND OR ledger.state <> 'exported' OR ledger.sha256 IS NULL OR ledger.storage_key IS NULL THEN
        RAISE EXCEPTION 'partition % is not exported', partition USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    -- Nothing may be added between counting and detaching.
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', partition);
    EXECUTE format('SELECT count(*) FROM public.%I', partition) INTO counted;
    IF counted <> ledger.row_count THEN
        RAISE EXCEPTION 'partition % holds % rows, its export %', partition, counted, ledger.row_count
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF parent = 'audit_logs' THEN
        -- Where each chain enters and leaves the month, so that what stays online can be tied to the archive.
        EXECUTE format($query$
            SELECT coalesce(jsonb_object_agg(c.chain_key, jsonb_build_object(
                       'first_seq', c.first_seq, 'prev_hash', encode(f.prev_hash, 'hex'),
                       'last_seq', c.last_seq, 'entry_hash', encode(l.entry_hash, 'hex'))), '{}')
              FROM (SELECT chain_key, min(seq) AS first_seq, max(seq) AS last_seq
                      FROM public.%1$I GROUP BY chain_key) c
              JOIN public.%1$I f ON f.chain_key = c.chain_key AND f.seq = c.first_seq
              JOIN public.%1$I l ON l.chain_key = c.chain_key AND l.seq = c.last_seq $query$, partition) INTO anchor;
    END IF;
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, partition);
    EXECUTE format('ALTER TABLE public.%I SET SCHEMA archive', partition);
    EXECUTE format('GRANT SELECT ON archive.%I TO bb_purge, bb_admin', partition);
    UPDATE partition_archives a
       SET state = 'detached', detached_at = now(), chain_anchor = a.chain_anchor || anchor
     WHERE a.id = ledger.id;
END
$$;
COMMENT ON FUNCTION app.archive_partition(text, text)
    IS 'detaches an exported partition into schema archive, if its row count is that of the export';

CREATE FUNCTION app.drop_partition(parent text, partition text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' AS $$
DECLARE
    month constant timestamptz := app.partition_month(parent, partition);
    action text;
BEGIN
    SELECT p.then_action INTO action FROM app.partition_policy() p WHERE p.parent_table = parent;
    IF month IS NULL OR action IS NULL THEN
        RAISE EXCEPTION '% is not a partition of %', partition, parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF action = 'archive' THEN
        UPDATE partition_archives a SET state = 'dropped', dropped_at = now()
         WHERE a.parent_table = parent AND a.range_start = month AND a.state IN ('detached', 'restored');
        IF NOT FOUND THEN
            RAISE EXCEPTION 'partition % is not archived', partition USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        EXECUTE format('DROP TABLE archive.%I', partition);
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM app.expired_partitions() e WHERE e.partition_name = partition) THEN
        RAISE EXCEPTION 'partition % is not past its retention', partition
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, partition);
    EXECUTE format('DROP TABLE public.%I', partition);
END
$$;
COMMENT ON FUNCTION app.drop_partition(text, text)
    IS 'drops a detached archived partition, or an expired one of a table that keeps no archive';

CREATE FUNCTION app.restore_partition(parent text, partition text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' AS $$
DECLARE
    month constant timestamptz := app.partition_month(parent, partition);
BEGIN
    UPDATE partition_archives a SET state = 'restored'
     WHERE a.parent_table = parent AND a.range_start = month AND a.state = 'dropped';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no dropped archive of partition %', partition USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('CREATE TABLE archive.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent);
    EXECUTE format('ALTER TABLE archive.%I ADD PRIMARY KEY (id, created_at)', partition);
    EXECUTE format('GRANT SELECT, INSERT ON archive.%I TO bb_purge', partition);
    EXECUTE format('GRANT SELECT ON archive.%I TO bb_admin', partition);
END
$$;
COMMENT ON FUNCTION app.restore_partition(text, text) IS 'an empty table in schema archive for an archived month to be loaded into';

GRANT EXECUTE ON FUNCTION app.archive_partition(text, text), app.drop_partition(text, text),
    app.restore_partition(text, text) TO bb_purge;

RESET ROLE;
