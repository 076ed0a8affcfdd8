SET LOCAL ROLE bb_definer;

CREATE OR REPLACE FUNCTION app.lookup_channel_account(type text, provider_account_id text)
    RETURNS TABLE (organization_id uuid, channel_id uuid, bot_id uuid, type text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.organization_id, c.id, c.bot_id, c.type, c.status
      FROM channels c
     WHERE c.type = $1 AND c.provider_account_id = $2
       AND c.deleted_at IS NULL AND c.status <> 'disconnected'
$$;
COMMENT ON FUNCTION app.lookup_channel_account(text, text) IS 'the connected channel of a provider account';

RESET ROLE;

SET LOCAL ROLE bb_owner;

DROP INDEX ix_channels_4;
ALTER TABLE channels DROP COLUMN provider_business_id;

RESET ROLE;
