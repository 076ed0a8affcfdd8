SET LOCAL ROLE bb_owner;

DROP TABLE nlu_logs;

RESET ROLE;
