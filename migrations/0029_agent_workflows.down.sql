SET LOCAL ROLE bb_owner;

DROP TABLE agent_messages;
DROP TABLE agent_execution_steps;
DROP TABLE workflow_executions;
DROP TABLE agent_workflows;

RESET ROLE;
