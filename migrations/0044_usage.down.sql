SET LOCAL ROLE bb_owner;

DROP TABLE usage_tracking;

RESET ROLE;
