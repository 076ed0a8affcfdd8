SET LOCAL ROLE bb_owner;

DROP TABLE flow_secrets;

RESET ROLE;
