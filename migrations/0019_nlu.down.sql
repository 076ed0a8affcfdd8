SET LOCAL ROLE bb_owner;

DROP TABLE entity_values;
DROP TABLE entities;
DROP TABLE intent_examples;
DROP TABLE intents;

RESET ROLE;
