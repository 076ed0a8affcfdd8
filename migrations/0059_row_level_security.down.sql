SET LOCAL ROLE bb_owner;

DO $$
DECLARE
    policy record;
    table_name text;
BEGIN
    FOR policy IN SELECT p.polname, p.polrelid::regclass AS relation
                    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
                   WHERE c.relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.relation);
    END LOOP;
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
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', table_name);
    END LOOP;
END
$$;

REVOKE ALL ON
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
    FROM bb_app, bb_auth, bb_worker, bb_purge, bb_admin, bb_definer;
-- REVOKE of a table's privilege also takes those on its columns.

RESET ROLE;
