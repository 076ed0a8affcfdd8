SET LOCAL ROLE bb_owner;

-- A contact has two addresses in its row. Whoever was made of several contacts has more, as has somebody whose number and
-- scoped id both changed: none is dropped, and by each the contact is found.
CREATE TABLE channel_contact_addresses (
    organization_id uuid        NOT NULL,
    channel_id      uuid        NOT NULL,
    contact_id      uuid        NOT NULL,
    external_id     text        NOT NULL
        CONSTRAINT ck_channel_contact_addresses_1 CHECK (char_length(external_id) <= 255),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel_id, external_id),
    CONSTRAINT fk_channel_contact_addresses_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_contact_addresses_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_contact_addresses_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE channel_contact_addresses IS 'ADDITION: addresses of a contact beyond the two in its row';

CREATE INDEX ix_channel_contact_addresses_1 ON channel_contact_addresses (organization_id, contact_id);

ALTER TABLE channel_contact_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_contact_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON channel_contact_addresses TO bb_admin, bb_purge USING (true) WITH CHECK (true);
CREATE POLICY tenant_isolation ON channel_contact_addresses TO bb_app
    USING (organization_id = (SELECT app.current_org()))
    WITH CHECK (organization_id = (SELECT app.current_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON channel_contact_addresses TO bb_app;
GRANT SELECT, DELETE ON channel_contact_addresses TO bb_purge;
GRANT SELECT, INSERT, UPDATE, DELETE ON channel_contact_addresses TO bb_admin;

-- An address finds its contact in a search, whichever of its addresses it is.
CREATE POLICY definer_read ON channel_contact_addresses FOR SELECT TO bb_definer USING (true);
GRANT SELECT ON channel_contact_addresses TO bb_definer;

-- Files of what a person of ours sent from another place are fetched as those that came in are: only such a message goes
-- out with an instant of the provider's.
DROP INDEX ix_channel_messages_8;
CREATE INDEX ix_channel_messages_8 ON channel_messages (coalesce(next_attempt_at, created_at))
    WHERE (direction = 'inbound' OR provider_ts IS NOT NULL)
      AND kind IN ('image', 'video', 'audio', 'document', 'sticker') AND media = '[]' AND redacted_at IS NULL;

RESET ROLE;

SET LOCAL ROLE bb_definer;

CREATE OR REPLACE FUNCTION app.search_contacts(query text, tags text[] DEFAULT '{}', cursor uuid DEFAULT NULL,
                                    page_size integer DEFAULT 50)
    RETURNS TABLE (id uuid, channel_id uuid, external_id text, display_name text, username text, phone text, email citext,
                   tags text[], last_seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.id, c.channel_id, c.external_id, c.display_name, c.username, c.phone, c.email, c.tags, c.last_seen_at
      FROM channel_contacts c
     WHERE c.organization_id = app.current_org()
       AND c.deleted_at IS NULL
       AND (coalesce(query, '') = ''
            OR c.display_name ILIKE '%' || replace(replace(replace(query, '\', '\\'), '%', '\%'), '_', '\_') || '%'
            OR starts_with(lower(c.username), lower(query))
            OR starts_with(c.phone, query)
            OR c.email = query::citext
            OR c.external_id = query
            OR c.alt_external_id = query
            OR c.id IN (SELECT a.contact_id FROM channel_contact_addresses a
                         WHERE a.organization_id = app.current_org() AND a.external_id = query))
       AND (coalesce(cardinality(search_contacts.tags), 0) = 0 OR c.tags @> search_contacts.tags)
       AND (cursor IS NULL OR (c.last_seen_at, c.id) < (
            SELECT p.last_seen_at, p.id FROM channel_contacts p
             WHERE p.id = cursor AND p.organization_id = app.current_org()))
     ORDER BY c.last_seen_at DESC, c.id DESC
     LIMIT least(greatest(page_size, 1), 200)
$$;

RESET ROLE;
