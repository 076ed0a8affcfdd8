SET LOCAL ROLE bb_owner;

DROP TABLE organizations;

RESET ROLE;
