SET LOCAL ROLE bb_owner;

DROP TABLE clone_responses;
DROP TABLE clone_sessions;
DROP TABLE clone_training_data;
DROP TABLE work_clones;

RESET ROLE;
