SET LOCAL ROLE bb_owner;

-- Every process keeps accounts for a while. One that is paused, stopped, connected again or changed is looked up anew as
-- soon as that is committed, in every process.
CREATE FUNCTION app.channels_notify() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('channels', '');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.channels_notify() IS 'trigger: notifies channel channels';

CREATE TRIGGER channels_notify
    AFTER INSERT OR DELETE
       OR UPDATE OF status, settings, bot_id, public_id, provider_account_id, provider_business_id, rate_per_second,
                    credentials_ct, webhook_secret_ct, deleted_at
    ON channels
    FOR EACH STATEMENT EXECUTE FUNCTION app.channels_notify();

-- When something last came in and went out is written by itself, about once a minute. It is no change that whoever edits
-- the channel would have to know of.
DROP TRIGGER touch ON channels;
CREATE TRIGGER touch BEFORE UPDATE ON channels
    FOR EACH ROW
    WHEN ((OLD.last_inbound_at, OLD.last_outbound_at) IS NOT DISTINCT FROM (NEW.last_inbound_at, NEW.last_outbound_at))
    EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
