SET LOCAL ROLE bb_owner;

DROP TABLE conversations;

RESET ROLE;
