-- The first partitions; app.ensure_partitions(3) runs daily and at every start from here on.
SET LOCAL ROLE bb_owner;

SELECT app.ensure_partitions(3);

RESET ROLE;
