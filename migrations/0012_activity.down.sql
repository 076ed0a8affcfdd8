SET LOCAL ROLE bb_owner;

DROP TABLE activity_logs;

RESET ROLE;
