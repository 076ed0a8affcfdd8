SET LOCAL ROLE bb_owner;

DROP TABLE nlu_trainings;

RESET ROLE;
