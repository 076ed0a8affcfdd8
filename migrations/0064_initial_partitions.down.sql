SET LOCAL ROLE bb_owner;

DO $$
DECLARE
    partition record;
BEGIN
    FOR partition IN SELECT h.inhrelid::regclass AS relation
                       FROM app.partition_policy() p
                       JOIN pg_inherits h ON h.inhparent = to_regclass('public.' || p.parent_table) LOOP
        EXECUTE format('DROP TABLE %s', partition.relation);
    END LOOP;
END
$$;

RESET ROLE;
