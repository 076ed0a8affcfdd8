-- Materialized views cannot carry row-level security: they belong to bb_definer, bb_app has no grant on them, and
-- app.analytics shows a tenant its own rows. Each covers 92 days, has a unique index, so that it can be refreshed
-- while it is read, and one to find a tenant's days. Days are days in UTC.
SET LOCAL ROLE bb_definer;

CREATE MATERIALIZED VIEW analytics.bot_daily AS
WITH messages AS (
    SELECT m.organization_id, m.bot_id, (m.created_at AT TIME ZONE 'UTC')::date AS day,
           count(*) FILTER (WHERE m.direction = 'inbound') AS inbound,
           count(*) FILTER (WHERE m.direction = 'outbound') AS outbound,
           count(*) FILTER (WHERE m.status = 'failed') AS failed,
           count(DISTINCT m.contact_id) AS contacts
      FROM public.channel_messages m
     WHERE m.bot_id IS NOT NULL AND m.created_at >= now() - interval '92 days'
     GROUP BY 1, 2, 3
), opened AS (
    SELECT c.organization_id, c.bot_id, (c.created_at AT TIME ZONE 'UTC')::date AS day,
           count(*) AS opened,
           count(*) FILTER (WHERE c.mode = 'human' OR c.assigned_member_id IS NOT NULL) AS handoffs,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY c.first_response_seconds) AS median_first_response_seconds,
           avg(c.csat)::double precision AS csat_average,
           count(c.csat) AS csat_count
      FROM public.conversations c
     WHERE c.bot_id IS NOT NULL AND c.created_at >= now() - interval '92 days'
     GROUP BY 1, 2, 3
), closed AS (
    SELECT c.organization_id, c.bot_id, (c.closed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS closed
      FROM public.conversations c
     WHERE c.bot_id IS NOT NULL AND c.closed_at >= now() - interval '92 days'
     GROUP BY 1, 2, 3
)
SELECT organization_id, bot_id, day,
       coalesce(messages.inbound, 0) AS inbound,
       coalesce(messages.outbound, 0) AS outbound,
       coalesce(messages.failed, 0) AS failed,
       coalesce(messages.contacts, 0) AS contacts,
       coalesce(opened.opened, 0) AS conversations_opened,
       coalesce(closed.closed, 0) AS conversations_closed,
       coalesce(opened.handoffs, 0) AS handoffs,
       opened.median_first_response_seconds,
       opened.csat_average,
       coalesce(opened.csat_count, 0) AS csat_count
  FROM messages
  FULL JOIN opened USING (organization_id, bot_id, day)
  FULL JOIN closed USING (organization_id, bot_id, day);
COMMENT ON MATERIALIZED VIEW analytics.bot_daily IS 'traffic, hand-offs and satisfaction by bot and day; every 10 minutes';
CREATE UNIQUE INDEX uq_bot_daily_1 ON analytics.bot_daily (organization_id, bot_id, day);
CREATE INDEX ix_bot_daily_1 ON analytics.bot_daily (organization_id, day DESC);

CREATE MATERIALIZED VIEW analytics.channel_delivery_daily AS
WITH messages AS (
    SELECT m.*, (m.created_at AT TIME ZONE 'UTC')::date AS day
      FROM public.channel_messages m
     WHERE m.direction = 'outbound' AND m.created_at >= now() - interval '92 days'
), errors AS (
    SELECT organization_id, channel_id, day, kind,
           jsonb_agg(jsonb_build_object('code', error_code, 'count', amount) ORDER BY amount DESC, error_code)
               FILTER (WHERE place <= 5) AS top_error_codes
      FROM (SELECT organization_id, channel_id, day, kind, error_code, count(*) AS amount,
                   row_number() OVER (PARTITION BY organization_id, channel_id, day, kind
                                      ORDER BY count(*) DESC, error_code) AS place
              FROM messages
             WHERE status = 'failed' AND error_code IS NOT NULL
             GROUP BY 1, 2, 3, 4, 5) counted
     GROUP BY 1, 2, 3, 4
)
SELECT m.organization_id, m.channel_id, m.day, m.kind,
       count(*) AS queued,
       count(m.sent_at) AS sent,
       count(m.delivered_at) AS delivered,
       count(m.read_at) AS read,
       count(*) FILTER (WHERE m.status = 'failed') AS failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM m.sent_at - m.created_at)) AS p50_to_sent_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM m.sent_at - m.created_at)) AS p95_to_sent_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM m.delivered_at - m.sent_at))
           AS p50_to_delivered_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM m.delivered_at - m.sent_at))
           AS p95_to_delivered_seconds,
       coalesce((array_agg(e.top_error_codes))[1], '[]') AS top_error_codes
  FROM messages m
  LEFT JOIN errors e USING (organization_id, channel_id, day, kind)
 GROUP BY m.organization_id, m.channel_id, m.day, m.kind;
COMMENT ON MATERIALIZED VIEW analytics.channel_delivery_daily
    IS 'delivery by channel, day and kind; queued counts every outbound message; every 10 minutes';
CREATE UNIQUE INDEX uq_channel_delivery_daily_1 ON analytics.channel_delivery_daily (organization_id, channel_id, day, kind);
CREATE INDEX ix_channel_delivery_daily_1 ON analytics.channel_delivery_daily (organization_id, day DESC);

-- Texts without an intent are counted under the empty name.
CREATE MATERIALIZED VIEW analytics.nlu_intent_daily AS
SELECT l.organization_id, l.bot_id, coalesce(l.intent_name, '') AS intent_name,
       (l.created_at AT TIME ZONE 'UTC')::date AS day,
       (array_agg(l.intent_id ORDER BY l.created_at DESC))[1] AS intent_id,
       count(*) AS hits,
       avg(l.matched::integer)::double precision AS matched_rate,
       avg(l.confidence) AS mean_confidence,
       count(*) FILTER (WHERE NOT l.matched) AS below_threshold,
       count(*) FILTER (WHERE l.review_state = 'labelled' AND l.labelled_intent_id IS DISTINCT FROM l.intent_id)
           AS labelled_corrections
  FROM public.nlu_logs l
 WHERE l.created_at >= now() - interval '92 days'
 GROUP BY 1, 2, 3, 4;
COMMENT ON MATERIALIZED VIEW analytics.nlu_intent_daily IS 'recognition by bot, intent and day; every 30 minutes';
CREATE UNIQUE INDEX uq_nlu_intent_daily_1 ON analytics.nlu_intent_daily (organization_id, bot_id, intent_name, day);
CREATE INDEX ix_nlu_intent_daily_1 ON analytics.nlu_intent_daily (organization_id, day DESC);

CREATE MATERIALIZED VIEW analytics.agent_cost_daily AS
WITH runs AS (
    SELECT s.organization_id, e.bot_id, s.agent_id, (s.created_at AT TIME ZONE 'UTC')::date AS day, s.execution_id,
           bool_and(s.status = 'succeeded') AS succeeded,
           sum(s.prompt_tokens + s.completion_tokens) AS tokens,
           sum(s.cost) AS cost,
           extract(epoch FROM max(s.finished_at) - min(s.started_at)) AS seconds,
           sum((SELECT count(*) FROM public.tool_executions t
                 WHERE t.step_id = s.id AND t.status IN ('failed', 'timed_out'))) AS tool_failures
      FROM public.agent_execution_steps s
      JOIN public.workflow_executions e ON e.organization_id = s.organization_id AND e.id = s.execution_id
     WHERE s.agent_id IS NOT NULL AND s.created_at >= now() - interval '92 days'
     GROUP BY 1, 2, 3, 4, 5
)
SELECT r.organization_id, r.bot_id, r.agent_id, r.day,
       count(*) AS runs,
       avg(r.succeeded::integer)::double precision AS success_rate,
       sum(r.tokens)::bigint AS tokens,
       sum(r.cost)::bigint AS cost,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY r.seconds) AS p95_seconds,
       sum(r.tool_failures)::bigint AS tool_failures
  FROM runs r
 GROUP BY 1, 2, 3, 4;
COMMENT ON MATERIALIZED VIEW analytics.agent_cost_daily IS 'runs, tokens and cost by agent and day; every 30 minutes';
CREATE UNIQUE INDEX uq_agent_cost_daily_1 ON analytics.agent_cost_daily (organization_id, bot_id, agent_id, day);
CREATE INDEX ix_agent_cost_daily_1 ON analytics.agent_cost_daily (organization_id, day DESC);

CREATE MATERIALIZED VIEW analytics.usage_monthly AS
SELECT u.organization_id, u.metric, (date_trunc('month', u.created_at, 'UTC') AT TIME ZONE 'UTC')::date AS month,
       sum(u.quantity)::bigint AS quantity,
       sum(u.quantity * u.unit_cost)::bigint AS cost
  FROM public.usage_tracking u
 WHERE u.created_at >= date_trunc('month', now() - interval '92 days', 'UTC')
 GROUP BY 1, 2, 3;
COMMENT ON MATERIALIZED VIEW analytics.usage_monthly IS 'metered use by metric and month; every 10 minutes';
CREATE UNIQUE INDEX uq_usage_monthly_1 ON analytics.usage_monthly (organization_id, metric, month);
CREATE INDEX ix_usage_monthly_1 ON analytics.usage_monthly (organization_id, month DESC);

-- Of tests that changed in the period; subjects forced into a variant do not count.
CREATE MATERIALIZED VIEW analytics.ab_test_summary AS
SELECT r.organization_id, r.ab_test_id, r.variant_key,
       max((r.updated_at AT TIME ZONE 'UTC')::date) AS day,
       count(*) AS subjects,
       count(r.first_exposed_at) AS exposed,
       count(r.first_converted_at) AS converted,
       sum(r.value)::bigint AS value,
       sum(r.metric_n)::bigint AS metric_n,
       sum(r.metric_sum) AS metric_sum,
       sum(r.metric_sum_sq) AS metric_sum_sq
  FROM public.ab_test_results r
  JOIN public.ab_tests t ON t.organization_id = r.organization_id AND t.id = r.ab_test_id
 WHERE NOT r.forced AND (t.status IN ('running', 'paused') OR t.updated_at >= now() - interval '92 days')
 GROUP BY 1, 2, 3;
COMMENT ON MATERIALIZED VIEW analytics.ab_test_summary IS 'sums by experiment and variant; every 5 minutes';
CREATE UNIQUE INDEX uq_ab_test_summary_1 ON analytics.ab_test_summary (organization_id, ab_test_id, variant_key);
CREATE INDEX ix_ab_test_summary_1 ON analytics.ab_test_summary (organization_id, day DESC);

-- Rows of the caller's organization, from one day up to, and without, another, that contain the filter. The day of
-- usage_monthly is the first of its month.
CREATE FUNCTION app.analytics(name text, from_day date, to_day date, filter jsonb DEFAULT '{}') RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF name NOT IN ('bot_daily', 'channel_delivery_daily', 'nlu_intent_daily', 'agent_cost_daily', 'usage_monthly',
                    'ab_test_summary') THEN
        RAISE EXCEPTION 'no analytics named %', name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT to_jsonb(v) - ''organization_id'' FROM analytics.%1$I v
          WHERE v.organization_id = app.current_org() AND v.%2$I >= $1 AND v.%2$I < $2 AND to_jsonb(v) @> $3
          ORDER BY v.%2$I', name, CASE name WHEN 'usage_monthly' THEN 'month' ELSE 'day' END)
        USING from_day, to_day, coalesce(filter, '{}');
END
$$;
COMMENT ON FUNCTION app.analytics(text, date, date, jsonb) IS 'rows of one materialized view for the current organization';

-- False if somebody else is refreshing it.
CREATE FUNCTION app.refresh_analytics(name text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF name NOT IN ('bot_daily', 'channel_delivery_daily', 'nlu_intent_daily', 'agent_cost_daily', 'usage_monthly',
                    'ab_test_summary') THEN
        RAISE EXCEPTION 'no analytics named %', name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('app.refresh_analytics:' || name, 0)) THEN
        RETURN false;
    END IF;
    EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY analytics.%I', name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION app.refresh_analytics(text) IS 'refreshes one materialized view while it is read';

GRANT EXECUTE ON FUNCTION app.analytics(text, date, date, jsonb) TO bb_app;
GRANT EXECUTE ON FUNCTION app.refresh_analytics(text) TO bb_worker, bb_purge, bb_admin;
GRANT SELECT ON analytics.bot_daily, analytics.channel_delivery_daily, analytics.nlu_intent_daily,
    analytics.agent_cost_daily, analytics.usage_monthly, analytics.ab_test_summary TO bb_report;

RESET ROLE;
