SET LOCAL ROLE bb_owner;

-- Single log-out: a provider of SAML ends a session by the person's name there and by its own number of the session, and
-- wants to hear both when the session is ended here. Both stand in the assertion that opened it, and nowhere else.
ALTER TABLE user_sessions
    ADD COLUMN sso_name jsonb
        CONSTRAINT ck_user_sessions_11 CHECK (jsonb_typeof(sso_name) = 'object'),
    ADD COLUMN sso_session_index text
        CONSTRAINT ck_user_sessions_12 CHECK (char_length(sso_session_index) <= 255);
CREATE INDEX ix_user_sessions_7 ON user_sessions (sso_configuration_id, (sso_name ->> 'name'))
    WHERE revoked_at IS NULL AND sso_name IS NOT NULL;

-- A request of a provider to sign somebody out is taken once, as an assertion is, and stands in the same log.
ALTER TABLE sso_login_logs DROP CONSTRAINT ck_sso_login_logs_3;
ALTER TABLE sso_login_logs ADD CONSTRAINT ck_sso_login_logs_3 CHECK (stage IN ('started', 'callback', 'logout'));

RESET ROLE;
