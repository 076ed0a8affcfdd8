SET LOCAL ROLE bb_owner;

DROP TABLE recovery_analytics;

RESET ROLE;
