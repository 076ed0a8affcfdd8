-- Views run with the reader's rights, so row-level security holds below them. Each also names the organization
-- itself: members see their memberships elsewhere too, which must not leak into summaries.
SET LOCAL ROLE bb_owner;

CREATE VIEW user_subscription_details WITH (security_invoker = true) AS
SELECT s.organization_id,
       s.user_id,
       u.email AS user_email,
       s.id AS subscription_id,
       s.plan_id,
       p.code AS plan_code,
       p.name AS plan_name,
       s.status,
       s.billing_cycle,
       s.seats,
       s.unit_amount,
       s.currency,
       s.current_period_start,
       s.current_period_end,
       greatest(ceil(extract(epoch FROM s.current_period_end - now()) / 86400), 0)::integer AS days_left,
       s.trial_ends_at,
       s.cancel_at_period_end,
       s.grace_until,
       p.limits || s.limits_override AS limits,
       p.features,
       s.status IN ('trialing', 'active') OR (s.status = 'past_due' AND coalesce(s.grace_until > now(), false))
           AS is_entitled
  FROM user_subscriptions s
  JOIN subscription_plans p ON p.id = s.plan_id
  LEFT JOIN users u ON u.id = s.user_id
 WHERE s.organization_id = (SELECT app.current_org())
   AND s.status <> 'canceled';
COMMENT ON VIEW user_subscription_details IS 'the subscription of the organization with its plan, if it has one that is not canceled';

CREATE VIEW user_usage_summary WITH (security_invoker = true) AS
WITH used AS (
    SELECT t.organization_id,
           t.metric,
           date_trunc('month', t.created_at, 'UTC') AS month,
           sum(t.quantity)::bigint AS used
      FROM usage_tracking t
     WHERE t.organization_id = (SELECT app.current_org())
     GROUP BY 1, 2, 3
), limited AS (
    SELECT used.*, app.plan_limit(used.organization_id, used.metric) AS limit_value
      FROM used
)
SELECT l.organization_id,
       s.user_id,
       l.metric,
       l.month,
       l.used,
       l.limit_value,
       greatest(l.limit_value - l.used, 0) AS remaining,
       round(100.0 * l.used / nullif(l.limit_value, 0), 1) AS used_pct,
       -- The month so far, stretched to its end; a past month is what it was.
       CASE WHEN l.month = date_trunc('month', now(), 'UTC') THEN
           round(l.used * extract(epoch FROM interval '1 month' + l.month - l.month)
                 / greatest(extract(epoch FROM now() - l.month), 1))::bigint
       END AS projected,
       greatest(l.used - l.limit_value, 0) AS overage
  FROM limited l
  LEFT JOIN user_subscriptions s ON s.organization_id = l.organization_id AND s.status <> 'canceled';
COMMENT ON VIEW user_usage_summary IS 'use of the organization by metric and month, against the limits of its plan';

CREATE VIEW recent_audit_activity WITH (security_invoker = true) AS
SELECT a.id,
       a.created_at,
       a.organization_id,
       o.name AS organization_name,
       a.actor_type,
       a.actor_id,
       coalesce(u.name, a.actor_label) AS actor_name,
       u.email AS actor_email,
       a.action,
       a.resource_type,
       a.resource_id,
       a.outcome,
       a.ip,
       a.seq
  FROM audit_logs a
  JOIN organizations o ON o.id = a.organization_id
  LEFT JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id
 WHERE a.organization_id = (SELECT app.current_org())
   AND a.created_at > now() - interval '30 days';
COMMENT ON VIEW recent_audit_activity IS 'audit entries of the organization in the last 30 days';

CREATE VIEW user_activity_summary WITH (security_invoker = true) AS
SELECT m.organization_id,
       m.user_id,
       u.name,
       u.email,
       r.code AS role_code,
       coalesce(activity.actions, 0) AS actions_30d,
       coalesce(audited.actions, 0) AS audited_actions_30d,
       coalesce(activity.bots, 0) AS bots_touched_30d,
       greatest(activity.last_at, m.last_active_at) AS last_activity_at,
       u.last_login_at AS last_sign_in_at,
       coalesce(verbs.top, '[]') AS top_verbs
  FROM organization_members m
  JOIN roles r ON r.id = m.role_id
  JOIN users u ON u.id = m.user_id
  LEFT JOIN LATERAL (
      SELECT count(*) AS actions, count(DISTINCT l.bot_id) AS bots, max(l.created_at) AS last_at
        FROM activity_logs l
       WHERE l.organization_id = m.organization_id AND l.user_id = m.user_id
         AND l.created_at > now() - interval '30 days') activity ON true
  LEFT JOIN LATERAL (
      SELECT count(*) AS actions
        FROM audit_logs a
       WHERE a.organization_id = m.organization_id AND a.actor_id = m.user_id
         AND a.created_at > now() - interval '30 days') audited ON true
  LEFT JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('verb', v.verb, 'count', v.amount) ORDER BY v.amount DESC, v.verb) AS top
        FROM (SELECT l.verb, count(*) AS amount
                FROM activity_logs l
               WHERE l.organization_id = m.organization_id AND l.user_id = m.user_id
                 AND l.created_at > now() - interval '30 days'
               GROUP BY l.verb
               ORDER BY count(*) DESC, l.verb
               LIMIT 5) v) verbs ON true
 WHERE m.organization_id = (SELECT app.current_org());
COMMENT ON VIEW user_activity_summary IS 'what each member of the organization did in the last 30 days';

GRANT SELECT ON user_subscription_details, user_usage_summary, recent_audit_activity, user_activity_summary TO bb_app;

RESET ROLE;
