SET LOCAL ROLE bb_definer;

DROP FUNCTION app.refresh_analytics(text);
DROP FUNCTION app.analytics(text, date, date, jsonb);
DROP MATERIALIZED VIEW analytics.ab_test_summary;
DROP MATERIALIZED VIEW analytics.usage_monthly;
DROP MATERIALIZED VIEW analytics.agent_cost_daily;
DROP MATERIALIZED VIEW analytics.nlu_intent_daily;
DROP MATERIALIZED VIEW analytics.channel_delivery_daily;
DROP MATERIALIZED VIEW analytics.bot_daily;

RESET ROLE;
