SET LOCAL ROLE bb_owner;

DROP TABLE admin_sessions;
DROP TABLE admin_login_attempts;
DROP TABLE admin_ip_whitelist;
DROP TABLE admin_audit_log;

RESET ROLE;
