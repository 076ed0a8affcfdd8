SET LOCAL ROLE bb_owner;

-- Row-level security and grants, one role after the other. A row of a tenant is reached by bb_app only in the context
-- of its organization; the other roles see every row, but only of the tables and columns they need. A policy always
-- names its role: what a role has no policy for, it does not see, whatever it may be granted.

-- Enabled and forced: the owner has no policy, so it sees no row of any tenant.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'users', 'organizations', 'organization_members', 'user_sessions', 'two_factor_backup_codes',
        'password_reset_tokens', 'audit_logs', 'activity_logs', 'whitelabel_settings', 'entity_versions',
        'entity_branches', 'bots', 'bot_messages', 'bot_flows', 'flow_orchestrations', 'flow_transitions',
        'flow_variables', 'intents', 'intent_examples', 'entities', 'entity_values', 'nlu_logs',
        'integrations', 'integration_logs', 'channels', 'channel_contacts', 'conversations',
        'channel_messages', 'channel_templates', 'channel_webhooks', 'agents', 'agent_workflows',
        'workflow_executions', 'agent_execution_steps', 'agent_messages', 'tools', 'agent_tools',
        'tool_executions', 'autonomous_agents', 'agent_tasks', 'task_steps', 'knowledge_bases',
        'documents', 'chunks', 'agent_knowledge_bases', 'embedding_queue', 'fine_tune_models',
        'fine_tune_datasets', 'fine_tune_jobs', 'fine_tuning_metrics', 'model_versions', 'ab_tests',
        'ab_test_results', 'widget_configs', 'widget_messages', 'voice_bots', 'phone_numbers', 'calls',
        'call_segments', 'voice_bot_templates', 'voice_bot_creations', 'voice_bot_sessions', 'work_clones',
        'clone_training_data', 'clone_sessions', 'clone_responses', 'user_subscriptions',
        'payment_history', 'usage_tracking', 'sso_configurations', 'sso_domains', 'sso_user_mappings',
        'sso_login_logs', 'api_tokens', 'webhook_logs', 'email_notifications', 'plugin_installations',
        'plugin_reviews', 'recovery_campaigns', 'recovery_events', 'recovery_messages',
        'recovery_analytics', 'customer_health_scores', 'customer_health_score_history', 'team_roles',
        'team_members', 'team_invitations', 'outbox_events', 'dedupe_keys', 'idempotency_keys',
        'message_events', 'plugins', 'plugin_versions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY platform ON %I TO bb_admin, bb_purge USING (true) WITH CHECK (true)', table_name);
    END LOOP;
END
$$;

-- bb_app ------------------------------------------------------------------------------------------------

-- The sub-select makes the planner read the setting once for each query, not once for each row.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'organization_members', 'audit_logs', 'activity_logs', 'whitelabel_settings', 'entity_versions',
        'entity_branches', 'bots', 'bot_messages', 'bot_flows', 'flow_orchestrations', 'flow_transitions',
        'flow_variables', 'intents', 'intent_examples', 'entities', 'entity_values', 'nlu_logs',
        'integrations', 'integration_logs', 'channels', 'channel_contacts', 'conversations',
        'channel_messages', 'channel_templates', 'channel_webhooks', 'agents', 'agent_workflows',
        'workflow_executions', 'agent_execution_steps', 'agent_messages', 'tools', 'agent_tools',
        'tool_executions', 'autonomous_agents', 'agent_tasks', 'task_steps', 'knowledge_bases',
        'documents', 'chunks', 'agent_knowledge_bases', 'embedding_queue', 'fine_tune_models',
        'fine_tune_datasets', 'fine_tune_jobs', 'fine_tuning_metrics', 'model_versions', 'ab_tests',
        'ab_test_results', 'widget_configs', 'widget_messages', 'voice_bots', 'phone_numbers', 'calls',
        'call_segments', 'voice_bot_creations', 'voice_bot_sessions', 'work_clones', 'clone_training_data',
        'clone_sessions', 'clone_responses', 'user_subscriptions', 'payment_history', 'usage_tracking',
        'sso_configurations', 'sso_domains', 'sso_user_mappings', 'sso_login_logs', 'api_tokens',
        'webhook_logs', 'email_notifications', 'plugin_installations', 'plugin_reviews',
        'recovery_campaigns', 'recovery_events', 'recovery_messages', 'recovery_analytics',
        'customer_health_scores', 'customer_health_score_history', 'team_roles', 'team_members',
        'team_invitations', 'outbox_events', 'dedupe_keys', 'idempotency_keys', 'message_events'] LOOP
        EXECUTE format('CREATE POLICY tenant_isolation ON %I TO bb_app '
                       'USING (organization_id = (SELECT app.current_org())) '
                       'WITH CHECK (organization_id = (SELECT app.current_org()))', table_name);
    END LOOP;
END
$$;

CREATE POLICY tenant_isolation ON organizations TO bb_app
    USING (id = (SELECT app.current_org()))
    WITH CHECK (id = (SELECT app.current_org()));

-- The organization switcher: one's own memberships, and the organizations they name, in any context.
CREATE POLICY own_memberships ON organization_members FOR SELECT TO bb_app
    USING (user_id = (SELECT app.current_user_id()));
CREATE POLICY own_organizations ON organizations FOR SELECT TO bb_app
    USING (id IN (SELECT m.organization_id FROM organization_members m
                   WHERE m.user_id = (SELECT app.current_user_id()) AND m.status = 'active'));

-- Templates without an organization are built in.
CREATE POLICY tenant_isolation ON voice_bot_templates TO bb_app
    USING (organization_id = (SELECT app.current_org()))
    WITH CHECK (organization_id = (SELECT app.current_org()));
CREATE POLICY built_in ON voice_bot_templates FOR SELECT TO bb_app
    USING (organization_id IS NULL);

-- Accounts: oneself, and the members of the organization.
CREATE POLICY own_account ON users TO bb_app
    USING (id = (SELECT app.current_user_id()))
    WITH CHECK (id = (SELECT app.current_user_id()));
CREATE POLICY fellow_members ON users FOR SELECT TO bb_app
    USING (EXISTS (SELECT FROM organization_members m
                    WHERE m.user_id = users.id AND m.organization_id = (SELECT app.current_org())));
CREATE POLICY own_account ON user_sessions TO bb_app
    USING (user_id = (SELECT app.current_user_id()))
    WITH CHECK (user_id = (SELECT app.current_user_id()));

-- The marketplace: everybody reads what is published, publishers write what is theirs.
CREATE POLICY published ON plugins FOR SELECT TO bb_app
    USING (status IN ('published', 'deprecated') AND deleted_at IS NULL);
CREATE POLICY publisher ON plugins TO bb_app
    USING (publisher_organization_id = (SELECT app.current_org()))
    WITH CHECK (publisher_organization_id = (SELECT app.current_org()));
CREATE POLICY published ON plugin_versions FOR SELECT TO bb_app
    USING (status IN ('published', 'yanked') AND EXISTS (SELECT FROM plugins p WHERE p.id = plugin_id));
CREATE POLICY publisher ON plugin_versions TO bb_app
    USING (EXISTS (SELECT FROM plugins p
                    WHERE p.id = plugin_id AND p.publisher_organization_id = (SELECT app.current_org())))
    WITH CHECK (EXISTS (SELECT FROM plugins p
                         WHERE p.id = plugin_id AND p.publisher_organization_id = (SELECT app.current_org())));
CREATE POLICY public_reading ON plugin_reviews FOR SELECT TO bb_app
    USING (status = 'visible' AND deleted_at IS NULL);

-- No DELETE on soft-deletable, partitioned and append-only tables, nor on what only retention removes.
GRANT SELECT, INSERT, UPDATE, DELETE ON
    whitelabel_settings, entity_branches, flow_transitions, flow_variables, intent_examples, entity_values,
    workflow_executions, agent_execution_steps, agent_tools, tool_executions, agent_tasks, task_steps,
    chunks, agent_knowledge_bases, embedding_queue, fine_tune_jobs, model_versions, ab_test_results,
    widget_configs, call_segments, voice_bot_creations, voice_bot_sessions, clone_sessions,
    clone_responses, sso_domains, sso_user_mappings, plugin_installations, recovery_messages,
    recovery_analytics, customer_health_scores, team_roles, team_members, team_invitations,
    idempotency_keys
    TO bb_app;
GRANT SELECT, INSERT, UPDATE ON
    organizations, plugins, plugin_versions,
    organization_members, bots, bot_messages, bot_flows, flow_orchestrations, intents, entities, nlu_logs,
    integrations, channels, channel_contacts, conversations, channel_messages, channel_templates,
    channel_webhooks, agents, agent_workflows, tools, autonomous_agents, knowledge_bases, documents,
    fine_tune_models, fine_tune_datasets, ab_tests, widget_messages, voice_bots, phone_numbers, calls,
    voice_bot_templates, work_clones, clone_training_data, user_subscriptions, payment_history,
    sso_configurations, api_tokens, webhook_logs, email_notifications, plugin_reviews, recovery_campaigns,
    recovery_events, outbox_events, dedupe_keys
    TO bb_app;
GRANT SELECT, INSERT ON
    audit_logs, activity_logs, entity_versions, integration_logs, agent_messages, fine_tuning_metrics,
    usage_tracking, sso_login_logs, customer_health_score_history, message_events
    TO bb_app;
GRANT SELECT ON roles, subscription_plans, plugin_categories TO bb_app;
-- Passwords, second factors and token digests are bb_auth's alone.
GRANT SELECT (id, email, email_verified_at, password_changed_at, name, avatar_url, locale, timezone,
              status, platform_role, notification_prefs, two_factor_enabled_at, last_login_at,
              last_login_ip, created_at, updated_at, deleted_at),
      UPDATE (name, avatar_url, locale, timezone, notification_prefs, updated_at)
    ON users TO bb_app;
GRANT SELECT (id, user_id, active_organization_id, kind, auth_method, sso_configuration_id, mfa_passed_at,
              device_label, user_agent, ip, last_seen_at, expires_at, refresh_expires_at, revoked_at,
              revoke_reason, created_at),
      UPDATE (active_organization_id, revoked_at, revoke_reason)
    ON user_sessions TO bb_app;

-- bb_auth -----------------------------------------------------------------------------------------------

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'users', 'user_sessions', 'two_factor_backup_codes', 'password_reset_tokens', 'organizations',
        'organization_members', 'team_roles', 'team_members', 'team_invitations', 'sso_configurations',
        'sso_domains', 'sso_user_mappings', 'sso_login_logs', 'api_tokens', 'user_subscriptions',
        'audit_logs', 'email_notifications', 'outbox_events'] LOOP
        EXECUTE format('CREATE POLICY identity ON %I TO bb_auth USING (true) WITH CHECK (true)', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['channels', 'widget_configs', 'whitelabel_settings'] LOOP
        EXECUTE format('CREATE POLICY identity ON %I FOR SELECT TO bb_auth USING (true)', table_name);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON users, user_sessions, organizations, organization_members, team_invitations,
    admin_sessions TO bb_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON two_factor_backup_codes, password_reset_tokens, team_roles, team_members,
    sso_user_mappings TO bb_auth;
GRANT SELECT, UPDATE ON sso_configurations, api_tokens, admin_ip_whitelist TO bb_auth;
GRANT SELECT ON roles, subscription_plans, sso_domains TO bb_auth;
GRANT SELECT, INSERT ON sso_login_logs, admin_login_attempts, user_subscriptions TO bb_auth;
GRANT INSERT ON audit_logs, email_notifications, outbox_events TO bb_auth;
GRANT SELECT (id, organization_id, bot_id, type, status, public_id, provider_account_id, deleted_at)
    ON channels TO bb_auth;
GRANT SELECT (id, organization_id, bot_id, channel_id, public_key, is_enabled, allowed_origins)
    ON widget_configs TO bb_auth;
GRANT SELECT (id, organization_id, custom_domain, domain_status) ON whitelabel_settings TO bb_auth;

-- bb_worker ---------------------------------------------------------------------------------------------

-- A worker polls its queue across tenants; with a job in hand it goes on as bb_app in the job's organization.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'channel_messages', 'embedding_queue', 'documents', 'email_notifications', 'outbox_events',
        'webhook_logs', 'recovery_events', 'recovery_messages', 'agent_tasks', 'workflow_executions',
        'fine_tune_jobs', 'autonomous_agents', 'integrations', 'channels', 'sso_domains'] LOOP
        EXECUTE format('CREATE POLICY queue_read ON %I FOR SELECT TO bb_worker USING (true)', table_name);
        EXECUTE format('CREATE POLICY queue_claim ON %I FOR UPDATE TO bb_worker USING (true) WITH CHECK (true)', table_name);
        EXECUTE format('GRANT SELECT, UPDATE ON %I TO bb_worker', table_name);
    END LOOP;
END
$$;
-- The poll for timers that are due.
CREATE POLICY queue_read ON conversations FOR SELECT TO bb_worker USING (true);
GRANT SELECT ON conversations TO bb_worker;

-- bb_purge ----------------------------------------------------------------------------------------------

GRANT SELECT, DELETE ON
    users, organizations, roles, organization_members, user_sessions, two_factor_backup_codes,
    password_reset_tokens, audit_chain_heads, audit_logs, activity_logs, whitelabel_settings,
    entity_versions, entity_branches, bots, bot_messages, bot_flows, flow_orchestrations, flow_transitions,
    flow_variables, intents, intent_examples, entities, entity_values, nlu_logs, integrations,
    integration_logs, channels, channel_contacts, conversations, channel_messages, channel_templates,
    channel_webhooks, agents, agent_workflows, workflow_executions, agent_execution_steps, agent_messages,
    tools, agent_tools, tool_executions, autonomous_agents, agent_tasks, task_steps, knowledge_bases,
    documents, chunks, agent_knowledge_bases, embedding_queue, fine_tune_models, fine_tune_datasets,
    fine_tune_jobs, fine_tuning_metrics, model_versions, ab_tests, ab_test_results, widget_configs,
    widget_messages, voice_bots, phone_numbers, calls, call_segments, voice_bot_templates,
    voice_bot_creations, voice_bot_sessions, work_clones, clone_training_data, clone_sessions,
    clone_responses, subscription_plans, user_subscriptions, payment_history, usage_tracking,
    sso_configurations, sso_domains, sso_user_mappings, sso_login_logs, api_tokens, webhook_logs,
    email_notifications, plugin_categories, plugins, plugin_versions, plugin_installations, plugin_reviews,
    recovery_campaigns, recovery_events, recovery_messages, recovery_analytics, customer_health_scores,
    customer_health_score_history, admin_audit_log, admin_ip_whitelist, admin_login_attempts,
    admin_sessions, team_roles, team_members, team_invitations, outbox_events, dedupe_keys,
    idempotency_keys, message_events, partition_archives
    TO bb_purge;
-- Erasure empties text and marks what is going.
GRANT UPDATE ON
    users, organizations, bots, bot_messages, bot_flows, flow_orchestrations, intents, entities,
    integrations, channels, channel_contacts, channel_templates, agents, agent_workflows, tools,
    autonomous_agents, knowledge_bases, documents, fine_tune_models, fine_tune_datasets, ab_tests,
    voice_bots, phone_numbers, voice_bot_templates, work_clones, clone_training_data, sso_configurations,
    api_tokens, plugins, plugin_reviews, recovery_campaigns, channel_messages, widget_messages,
    conversations, nlu_logs, calls, call_segments
    TO bb_purge;
GRANT INSERT ON audit_logs, outbox_events TO bb_purge;
GRANT INSERT, UPDATE ON partition_archives TO bb_purge;

-- bb_admin ----------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE, DELETE ON
    users, organizations, roles, organization_members, user_sessions, two_factor_backup_codes,
    password_reset_tokens, whitelabel_settings, entity_branches, bots, bot_messages, bot_flows,
    flow_orchestrations, flow_transitions, flow_variables, intents, intent_examples, entities,
    entity_values, nlu_logs, integrations, channels, channel_contacts, conversations, channel_messages,
    channel_templates, channel_webhooks, agents, agent_workflows, workflow_executions,
    agent_execution_steps, tools, agent_tools, tool_executions, autonomous_agents, agent_tasks, task_steps,
    knowledge_bases, documents, chunks, agent_knowledge_bases, embedding_queue, fine_tune_models,
    fine_tune_datasets, fine_tune_jobs, model_versions, ab_tests, ab_test_results, widget_configs,
    widget_messages, voice_bots, phone_numbers, calls, call_segments, voice_bot_templates,
    voice_bot_creations, voice_bot_sessions, work_clones, clone_training_data, clone_sessions,
    clone_responses, subscription_plans, user_subscriptions, payment_history, sso_configurations,
    sso_domains, sso_user_mappings, api_tokens, webhook_logs, email_notifications, plugin_categories,
    plugins, plugin_versions, plugin_installations, plugin_reviews, recovery_campaigns, recovery_events,
    recovery_messages, recovery_analytics, customer_health_scores, admin_ip_whitelist, admin_sessions,
    team_roles, team_members, team_invitations, outbox_events, dedupe_keys, idempotency_keys,
    partition_archives
    TO bb_admin;
GRANT SELECT, INSERT ON
    audit_logs, activity_logs, entity_versions, integration_logs, agent_messages, fine_tuning_metrics,
    usage_tracking, sso_login_logs, customer_health_score_history, admin_audit_log, admin_login_attempts,
    message_events
    TO bb_admin;

-- bb_definer --------------------------------------------------------------------------------------------

-- The functions that run with its rights filter by tenant themselves.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'organizations', 'organization_members', 'audit_logs', 'plugin_reviews', 'user_subscriptions',
        'usage_tracking', 'bots', 'bot_flows', 'channels', 'channel_contacts', 'conversations',
        'channel_messages', 'intents', 'intent_examples', 'nlu_logs', 'agents', 'agent_workflows',
        'workflow_executions', 'agent_execution_steps', 'tool_executions', 'knowledge_bases', 'documents',
        'chunks', 'ab_tests', 'ab_test_results', 'widget_configs', 'whitelabel_settings',
        'recovery_campaigns', 'team_invitations', 'sso_configurations', 'sso_domains', 'api_tokens'] LOOP
        EXECUTE format('CREATE POLICY definer_read ON %I FOR SELECT TO bb_definer USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO bb_definer', table_name);
    END LOOP;
END
$$;
GRANT SELECT ON roles, subscription_plans, plugin_categories, admin_audit_log TO bb_definer;
-- Ratings are written to the publisher's row; audit_append keeps the heads of the chains.
CREATE POLICY definer_write ON plugins TO bb_definer USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON plugins TO bb_definer;
GRANT SELECT, INSERT, UPDATE ON audit_chain_heads TO bb_definer;

RESET ROLE;
