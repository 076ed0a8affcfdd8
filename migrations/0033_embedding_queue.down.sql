SET LOCAL ROLE bb_owner;

DROP TABLE embedding_queue;

RESET ROLE;
