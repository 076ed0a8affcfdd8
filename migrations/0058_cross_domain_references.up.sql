SET LOCAL ROLE bb_owner;

-- Foreign keys whose parent table is created by a later migration than the child, with the indexes they need.

ALTER TABLE bots ADD CONSTRAINT fk_bots_default_agent_id FOREIGN KEY (organization_id, default_agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (default_agent_id);
CREATE INDEX ix_bots_4 ON bots (organization_id, default_agent_id);

ALTER TABLE agents ADD CONSTRAINT fk_agents_model_version_id FOREIGN KEY (organization_id, model_version_id)
        REFERENCES model_versions (organization_id, id) ON DELETE SET NULL (model_version_id);
CREATE INDEX ix_agents_4 ON agents (organization_id, model_version_id);

ALTER TABLE tools ADD CONSTRAINT fk_tools_plugin_installation_id FOREIGN KEY (organization_id, plugin_installation_id)
        REFERENCES plugin_installations (organization_id, id) ON DELETE CASCADE;
CREATE INDEX ix_tools_3 ON tools (organization_id, plugin_installation_id);

ALTER TABLE agent_tools ADD CONSTRAINT fk_agent_tools_autonomous_agent_id FOREIGN KEY (organization_id, autonomous_agent_id)
        REFERENCES autonomous_agents (organization_id, id) ON DELETE CASCADE;
CREATE INDEX ix_agent_tools_2 ON agent_tools (organization_id, autonomous_agent_id);

ALTER TABLE tool_executions ADD CONSTRAINT fk_tool_executions_task_step_id FOREIGN KEY (organization_id, task_step_id)
        REFERENCES task_steps (organization_id, id) ON DELETE CASCADE;
CREATE INDEX ix_tool_executions_5 ON tool_executions (organization_id, task_step_id);

ALTER TABLE fine_tune_jobs ADD CONSTRAINT fk_fine_tune_jobs_result_version_id FOREIGN KEY (organization_id, result_version_id)
        REFERENCES model_versions (organization_id, id) ON DELETE SET NULL (result_version_id);
CREATE INDEX ix_fine_tune_jobs_5 ON fine_tune_jobs (organization_id, result_version_id);

RESET ROLE;
