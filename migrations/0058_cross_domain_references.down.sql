SET LOCAL ROLE bb_owner;

DROP INDEX ix_fine_tune_jobs_5;
ALTER TABLE fine_tune_jobs DROP CONSTRAINT fk_fine_tune_jobs_result_version_id;
DROP INDEX ix_tool_executions_5;
ALTER TABLE tool_executions DROP CONSTRAINT fk_tool_executions_task_step_id;
DROP INDEX ix_agent_tools_2;
ALTER TABLE agent_tools DROP CONSTRAINT fk_agent_tools_autonomous_agent_id;
DROP INDEX ix_tools_3;
ALTER TABLE tools DROP CONSTRAINT fk_tools_plugin_installation_id;
DROP INDEX ix_agents_4;
ALTER TABLE agents DROP CONSTRAINT fk_agents_model_version_id;
DROP INDEX ix_bots_4;
ALTER TABLE bots DROP CONSTRAINT fk_bots_default_agent_id;

RESET ROLE;
