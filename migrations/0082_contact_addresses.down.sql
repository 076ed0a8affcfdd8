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
            OR c.external_id = query)
       AND (coalesce(cardinality(search_contacts.tags), 0) = 0 OR c.tags @> search_contacts.tags)
       AND (cursor IS NULL OR (c.last_seen_at, c.id) < (
            SELECT p.last_seen_at, p.id FROM channel_contacts p
             WHERE p.id = cursor AND p.organization_id = app.current_org()))
     ORDER BY c.last_seen_at DESC, c.id DESC
     LIMIT least(greatest(page_size, 1), 200)
$$;

RESET ROLE;
SET LOCAL ROLE bb_owner;

DROP INDEX ix_channel_messages_8;
CREATE INDEX ix_channel_messages_8 ON channel_messages (coalesce(next_attempt_at, created_at))
    WHERE direction = 'inbound' AND kind IN ('image', 'video', 'audio', 'document', 'sticker')
      AND media = '[]' AND redacted_at IS NULL;

DROP TABLE channel_contact_addresses;

RESET ROLE;
