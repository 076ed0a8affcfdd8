SET LOCAL ROLE bb_owner;

DROP FUNCTION app.restore_partition(text, text);
DROP FUNCTION app.drop_partition(text, text);
DROP FUNCTION app.archive_partition(text, text);
DROP TABLE partition_archives;

RESET ROLE;
