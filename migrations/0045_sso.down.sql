SET LOCAL ROLE bb_owner;

DROP TABLE sso_login_logs;
DROP TABLE sso_user_mappings;
DROP TABLE sso_domains;
DROP TABLE sso_configurations;

RESET ROLE;
