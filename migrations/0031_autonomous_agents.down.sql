SET LOCAL ROLE bb_owner;

DROP TABLE task_steps;
DROP TABLE agent_tasks;
DROP TABLE autonomous_agents;

RESET ROLE;
