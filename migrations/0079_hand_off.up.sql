SET LOCAL ROLE bb_owner;

-- A bot that hands over says why; the next in turn gets the conversation.
ALTER TABLE conversations
    ADD COLUMN handoff_note text CONSTRAINT ck_conversations_18 CHECK (char_length(handoff_note) <= 2000);
ALTER TABLE organization_members ADD COLUMN last_assigned_at timestamptz;

-- Who is there is known by sessions, which belong to accounts and not to organizations.
CREATE POLICY definer_read ON user_sessions FOR SELECT TO bb_definer USING (true);
GRANT SELECT (user_id, active_organization_id, auth_method, last_seen_at, revoked_at) ON user_sessions TO bb_definer;

SET LOCAL ROLE bb_definer;

CREATE FUNCTION app.members_seen(since timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT m.id FROM organization_members m
     WHERE m.organization_id = app.current_org() AND m.status = 'active' AND EXISTS (
           SELECT FROM user_sessions s
            WHERE s.user_id = m.user_id AND s.active_organization_id = m.organization_id
              AND s.revoked_at IS NULL AND s.last_seen_at >= since AND s.auth_method <> 'impersonation')
$$;
COMMENT ON FUNCTION app.members_seen(timestamptz) IS 'the members of the organization who were seen since then';
REVOKE ALL ON FUNCTION app.members_seen(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.members_seen(timestamptz) TO bb_app;

RESET ROLE;
