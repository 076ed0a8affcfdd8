SET LOCAL ROLE bb_owner;

DROP TABLE webhook_logs;

RESET ROLE;
