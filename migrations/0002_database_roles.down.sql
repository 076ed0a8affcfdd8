-- The roles stay: another database of the cluster may use them. What they hold in this one goes.
REVOKE ALL ON SCHEMA public FROM bb_definer, bb_app, bb_auth, bb_worker, bb_purge, bb_admin, bb_report;

SET LOCAL ROLE bb_definer;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM bb_owner;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
RESET ROLE;

SET LOCAL ROLE bb_owner;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
RESET ROLE;

REVOKE ALL ON SCHEMA public FROM bb_owner;

-- Back to whoever migrates, who drops them next. The owner of the database may not take an object from a role
-- by ALTER alone, so the schemas are dropped and made again: they are empty here.
SET LOCAL ROLE bb_owner;
DROP SCHEMA archive;
DROP SCHEMA analytics;
DROP SCHEMA app;
RESET ROLE;
CREATE SCHEMA app;
CREATE SCHEMA analytics;
CREATE SCHEMA archive;
