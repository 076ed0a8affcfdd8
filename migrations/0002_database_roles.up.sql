-- Database roles. None can log in: the program connects with a login of its own and then runs SET ROLE.
--
--   bb_owner    owns the tables and functions; its policies are forced too, so it reads no tenant row
--   bb_definer  owns the SECURITY DEFINER functions and the materialized views; nobody works as it
--   bb_app      requests of a tenant, and workers once they hold a job
--   bb_auth     sign-in, token and session look-up, SSO, SCIM, look-ups made before a tenant is known
--   bb_worker   queue polling
--   bb_purge    retention and erasure
--   bb_admin    platform administration
--   bb_report   the analytics schema
--
-- Roles belong to the cluster, so another database may have made them, or be making them at this moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['bb_owner', 'bb_definer', 'bb_app', 'bb_auth', 'bb_worker', 'bb_purge',
                                     'bb_admin', 'bb_report'] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        -- A superuser may become any role. Anyone else needs the membership: with inheritance for the owner's
        -- (so that it may manage what it created), without for the others (their rights come with SET ROLE).
        IF NOT pg_has_role(current_user, role_name, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE, INHERIT %s',
                           role_name, CASE WHEN role_name IN ('bb_owner', 'bb_definer') THEN 'TRUE' ELSE 'FALSE' END);
        END IF;
    END LOOP;
END
$$;

ALTER SCHEMA app OWNER TO bb_owner;
ALTER SCHEMA analytics OWNER TO bb_owner;
ALTER SCHEMA archive OWNER TO bb_owner;
GRANT USAGE, CREATE ON SCHEMA public TO bb_owner;

SET LOCAL ROLE bb_owner;
GRANT USAGE, CREATE ON SCHEMA app, analytics TO bb_definer;
GRANT USAGE ON SCHEMA app TO bb_app, bb_auth, bb_worker, bb_purge, bb_admin, bb_report;
GRANT USAGE ON SCHEMA analytics TO bb_report;
GRANT USAGE ON SCHEMA archive TO bb_purge, bb_admin;
-- A function is executable by the roles that need it, not by everybody.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
RESET ROLE;

SET LOCAL ROLE bb_definer;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
-- The owner of a table must be allowed to execute what its triggers call.
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO bb_owner;
RESET ROLE;

GRANT USAGE ON SCHEMA public TO bb_definer, bb_app, bb_auth, bb_worker, bb_purge, bb_admin, bb_report;
