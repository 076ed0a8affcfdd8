SET LOCAL ROLE bb_owner;

DROP TABLE recovery_campaigns;

RESET ROLE;
