SET LOCAL ROLE bb_owner;

DROP TABLE channels;

RESET ROLE;
