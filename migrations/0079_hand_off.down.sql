SET LOCAL ROLE bb_definer;
DROP FUNCTION app.members_seen(timestamptz);

SET LOCAL ROLE bb_owner;
REVOKE SELECT (user_id, active_organization_id, auth_method, last_seen_at, revoked_at) ON user_sessions FROM bb_definer;
DROP POLICY definer_read ON user_sessions;
ALTER TABLE organization_members DROP COLUMN last_assigned_at;
ALTER TABLE conversations DROP COLUMN handoff_note;

RESET ROLE;
