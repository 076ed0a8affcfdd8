SET LOCAL ROLE bb_owner;

DROP TABLE integration_logs;
DROP TABLE integrations;

RESET ROLE;
