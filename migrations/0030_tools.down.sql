SET LOCAL ROLE bb_owner;

DROP TABLE tool_executions;
DROP TABLE agent_tools;
DROP TABLE tools;

RESET ROLE;
