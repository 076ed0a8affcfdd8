SET LOCAL ROLE bb_owner;

DROP FUNCTION app.expired_partitions();
DROP FUNCTION app.partition_month(text, text);
DROP FUNCTION app.ensure_partitions(integer);
DROP FUNCTION app.partition_policy();

RESET ROLE;
