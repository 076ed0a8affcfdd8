SET LOCAL ROLE bb_owner;

DROP TABLE model_versions;

RESET ROLE;
