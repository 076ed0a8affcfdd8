SET LOCAL ROLE bb_owner;

DROP FUNCTION app.usage_total(uuid, text, timestamptz, timestamptz);
DROP FUNCTION app.can_create(uuid, text);
DROP FUNCTION app.plan_limit(uuid, text);
DROP FUNCTION app.effective_limits(uuid);
DROP TABLE user_subscriptions;
DROP TABLE subscription_plans;

RESET ROLE;
