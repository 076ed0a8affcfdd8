SET LOCAL ROLE bb_owner;

-- A session that platform staff opened in an organization names the staff session it hangs on: it ends when that one
-- ends, may change things only while that one is elevated, and every look-up of it sees both.
ALTER TABLE user_sessions ADD COLUMN impersonation_session_id uuid;
ALTER TABLE user_sessions ADD CONSTRAINT ck_user_sessions_10
    CHECK ((auth_method = 'impersonation') = (impersonation_session_id IS NOT NULL));
ALTER TABLE user_sessions ADD CONSTRAINT fk_user_sessions_impersonation_session_id
    FOREIGN KEY (impersonation_session_id) REFERENCES admin_sessions (id) ON DELETE CASCADE;
CREATE INDEX ix_user_sessions_6 ON user_sessions (impersonation_session_id);

-- Work that changes nothing a reader can see (a secret sealed with another key) says so, and then neither the instant nor the version of the row moves: an ETag that somebody holds stays good.
CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('app.unseen', true) = 'on' THEN
        RETURN NEW;
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.touch_lock() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('app.unseen', true) = 'on' THEN
        RETURN NEW;
    END IF;
    NEW.updated_at := now();
    NEW.lock_version := OLD.lock_version + 1;
    RETURN NEW;
END
$$;

-- The state of a training is nobody's change of the bot: whoever edits it meanwhile keeps their version.
DROP TRIGGER touch ON bots;
CREATE TRIGGER touch BEFORE UPDATE ON bots FOR EACH ROW
    WHEN ((OLD.nlu_status, OLD.nlu_model_version, OLD.nlu_trained_at)
          IS NOT DISTINCT FROM (NEW.nlu_status, NEW.nlu_model_version, NEW.nlu_trained_at))
    EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
