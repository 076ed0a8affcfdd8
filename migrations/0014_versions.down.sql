SET LOCAL ROLE bb_owner;

ALTER TABLE entity_versions DROP CONSTRAINT fk_entity_versions_branch_id;
DROP TABLE entity_branches;
DROP TABLE entity_versions;
DROP FUNCTION app.assign_version();

RESET ROLE;
