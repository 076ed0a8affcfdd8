SET LOCAL ROLE bb_owner;

DROP TABLE organization_members;
DROP FUNCTION app.last_owner_guard();

RESET ROLE;
