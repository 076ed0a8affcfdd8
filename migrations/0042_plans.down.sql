SET LOCAL ROLE bb_owner;

DROP TABLE user_subscriptions;
DROP TABLE subscription_plans;

RESET ROLE;
