SET LOCAL ROLE bb_owner;

DROP TRIGGER touch ON bots;
CREATE TRIGGER touch BEFORE UPDATE ON bots FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.touch_lock() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    NEW.lock_version := OLD.lock_version + 1;
    RETURN NEW;
END
$$;

DROP INDEX ix_user_sessions_6;
ALTER TABLE user_sessions DROP CONSTRAINT fk_user_sessions_impersonation_session_id;
ALTER TABLE user_sessions DROP CONSTRAINT ck_user_sessions_10;
ALTER TABLE user_sessions DROP COLUMN impersonation_session_id;

RESET ROLE;
