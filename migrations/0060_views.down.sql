SET LOCAL ROLE bb_owner;

DROP VIEW user_activity_summary;
DROP VIEW recent_audit_activity;
DROP VIEW user_usage_summary;
DROP VIEW user_subscription_details;

RESET ROLE;
