SET LOCAL ROLE bb_owner;

DROP TABLE flow_variables;
DROP TABLE flow_transitions;
DROP TABLE flow_orchestrations;

RESET ROLE;
