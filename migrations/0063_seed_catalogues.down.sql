-- What is in use stays until its table goes.
SET LOCAL ROLE bb_admin;

DELETE FROM voice_bot_templates WHERE organization_id IS NULL;
DELETE FROM plugin_categories c WHERE NOT EXISTS (SELECT FROM plugins p WHERE p.category_id = c.id);
DELETE FROM subscription_plans s
 WHERE NOT EXISTS (SELECT FROM user_subscriptions u WHERE s.id IN (u.plan_id, u.pending_plan_id));

RESET ROLE;
