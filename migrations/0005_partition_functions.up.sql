-- Monthly partitions. The instant in created_at is the one inside the id, the bounds are months in UTC.
SET LOCAL ROLE bb_owner;

-- The one list of partitioned tables: how many months stay online, and what happens then.
CREATE FUNCTION app.partition_policy()
    RETURNS TABLE (parent_table text, keep_months integer, then_action text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('channel_messages', 13, 'archive'),
           ('widget_messages', 3, 'drop'),
           ('nlu_logs', 3, 'drop'),
           ('webhook_logs', 2, 'drop'),
           ('activity_logs', 12, 'drop'),
           ('usage_tracking', 25, 'archive'),
           ('recovery_events', 25, 'archive'),
           ('audit_logs', 24, 'archive'),
           ('message_events', 3, 'drop');
END;
COMMENT ON FUNCTION app.partition_policy() IS 'partitioned tables, months they are kept online, and what follows';

-- Creates what is missing of the previous, the current and the next months. There is no DEFAULT partition:
-- a missing one must fail the insert, and DEFAULT would forbid DETACH CONCURRENTLY. Runs as the owner; the new
-- table gets no grant, so it is reached through its parent only.
CREATE FUNCTION app.ensure_partitions(months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' AS $$
DECLARE
    this_month constant timestamptz := date_trunc('month', now());
    parent text;
    partition text;
    lower_bound timestamptz;
    made integer := 0;
BEGIN
    IF months IS NULL OR months NOT BETWEEN 0 AND 60 THEN
        RAISE EXCEPTION 'months must lie between 0 and 60' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('app.ensure_partitions', 0));
    FOR parent IN SELECT p.parent_table FROM app.partition_policy() p ORDER BY 1 LOOP
        CONTINUE WHEN to_regclass('public.' || parent) IS NULL;
        FOR step IN -1 .. months LOOP
            lower_bound := this_month + make_interval(months => step);
            partition := parent || to_char(lower_bound, '_YYYY_MM');
            CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
            -- Attaching locks the parent less than CREATE TABLE … PARTITION OF does.
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                           partition, parent);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition, lower_bound, lower_bound + interval '1 month');
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION app.ensure_partitions(integer)
    IS 'creates missing partitions from the previous month to the given number of months ahead; returns how many';

-- The month of a partition, from its name, which ensure_partitions gave it.
CREATE FUNCTION app.partition_month(parent text, partition text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN partition ~ ('^' || parent || '_[0-9]{4}_(0[1-9]|1[0-2])$') THEN
        make_timestamptz(left(right(partition, 7), 4)::integer, right(partition, 2)::integer, 1, 0, 0, 0, 'UTC')
    END;
COMMENT ON FUNCTION app.partition_month(text, text) IS 'first instant of a partition, NULL if the name is not one of ours';

CREATE FUNCTION app.expired_partitions()
    RETURNS TABLE (parent_table text, partition_name text, range_start timestamptz, range_end timestamptz,
                   then_action text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' AS $$
    SELECT p.parent_table, c.relname::text, m.month, m.month + interval '1 month', p.then_action
      FROM app.partition_policy() p
      JOIN pg_inherits h ON h.inhparent = to_regclass('public.' || p.parent_table)
      JOIN pg_class c ON c.oid = h.inhrelid
     CROSS JOIN LATERAL (SELECT app.partition_month(p.parent_table, c.relname::text) AS month) m
     WHERE m.month + interval '1 month' <= date_trunc('month', now()) - make_interval(months => p.keep_months)
     ORDER BY p.parent_table, m.month
$$;
COMMENT ON FUNCTION app.expired_partitions() IS 'partitions past the retention of their table';

GRANT EXECUTE ON FUNCTION app.partition_policy() TO bb_definer, bb_worker, bb_purge, bb_admin;
GRANT EXECUTE ON FUNCTION app.partition_month(text, text) TO bb_worker, bb_purge, bb_admin;
GRANT EXECUTE ON FUNCTION app.ensure_partitions(integer) TO bb_worker, bb_purge, bb_admin;
GRANT EXECUTE ON FUNCTION app.expired_partitions() TO bb_worker, bb_purge, bb_admin;

RESET ROLE;
