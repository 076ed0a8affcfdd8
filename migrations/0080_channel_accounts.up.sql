SET LOCAL ROLE bb_owner;

-- What a provider tells about an account above several numbers (a WhatsApp business account) names only that. It is for
-- each channel below, and found by the id whose subscription proved that the channel's token belongs there.
ALTER TABLE channels
    ADD COLUMN provider_business_id text
        CONSTRAINT ck_channels_17 CHECK (char_length(provider_business_id) <= 128);
CREATE INDEX ix_channels_4 ON channels (type, provider_business_id)
    WHERE provider_business_id IS NOT NULL AND deleted_at IS NULL;

RESET ROLE;

SET LOCAL ROLE bb_definer;

CREATE OR REPLACE FUNCTION app.lookup_channel_account(type text, provider_account_id text)
    RETURNS TABLE (organization_id uuid, channel_id uuid, bot_id uuid, type text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.organization_id, c.id, c.bot_id, c.type, c.status
      FROM channels c
     WHERE c.type = $1 AND (c.provider_account_id = $2 OR c.provider_business_id = $2)
       AND c.deleted_at IS NULL AND c.status <> 'disconnected'
     ORDER BY c.id
$$;
COMMENT ON FUNCTION app.lookup_channel_account(text, text)
    IS 'the connected channels of a provider account, or of the account above several';

RESET ROLE;
