SET LOCAL ROLE bb_owner;

-- Who blocked: an operator (us), whose block only an operator lifts, or the person (them), who lifts it by writing.
ALTER TABLE channel_contacts
    ADD COLUMN blocked_by text CONSTRAINT ck_channel_contacts_15 CHECK (blocked_by IN ('us', 'them'));
-- Only Telegram tells of people who block; on other networks it was an operator. Policies are forced on the owner too,
-- so they are lifted for as long as this takes.
ALTER TABLE channels NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_contacts NO FORCE ROW LEVEL SECURITY;
UPDATE channel_contacts c SET blocked_by = CASE h.type WHEN 'telegram' THEN 'them' ELSE 'us' END
  FROM channels h WHERE h.id = c.channel_id AND c.blocked_at IS NOT NULL;

-- The rate that an account is held to where that is less than its network's. It was 20 for everybody and held nobody, so
-- what stands there was not meant.
ALTER TABLE channels ALTER COLUMN rate_per_second DROP NOT NULL, ALTER COLUMN rate_per_second DROP DEFAULT;
UPDATE channels SET rate_per_second = NULL WHERE rate_per_second = 20 OR rate_per_second <= 0;
ALTER TABLE channel_contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE channels FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_contacts ADD CONSTRAINT ck_channel_contacts_16 CHECK ((blocked_at IS NULL) = (blocked_by IS NULL));
ALTER TABLE channels ADD CONSTRAINT ck_channels_16 CHECK (rate_per_second > 0);

-- A message of several parts moves on with the report of its first part, while the others are still to be sent. The
-- sender then takes it back to where it is: it is the only one that writes down which parts were taken.
CREATE OR REPLACE FUNCTION app.message_state_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    old_rank constant numeric := CASE OLD.status WHEN 'queued' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 2.5
                                                 WHEN 'delivered' THEN 3 WHEN 'read' THEN 4 ELSE 0 END;
    new_rank constant numeric := CASE NEW.status WHEN 'queued' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 2.5
                                                 WHEN 'delivered' THEN 3 WHEN 'read' THEN 4 ELSE 0 END;
BEGIN
    IF OLD.status = 'failed' AND NEW.status = 'queued' AND NEW.attempts = 0 THEN
        NEW.failed_at := NULL;
        RETURN NEW;
    END IF;
    IF OLD.status IN ('sent', 'delivered', 'read') AND NEW.status IN ('queued', 'failed')
       AND NEW.payload -> 'parts' IS DISTINCT FROM OLD.payload -> 'parts' THEN
        NEW.sent_at := NULL;
        NEW.delivered_at := NULL;
        NEW.read_at := NULL;
        NEW.failed_at := CASE WHEN NEW.status = 'failed' THEN now() END;
        RETURN NEW;
    END IF;
    IF new_rank < old_rank THEN
        IF NEW.status = 'failed' THEN
            -- A failure reported after the message was seen to arrive says nothing about it.
            NEW.failed_at := OLD.failed_at;
            NEW.error_code := OLD.error_code;
            NEW.error_message := OLD.error_message;
        END IF;
        NEW.status := OLD.status;
        RETURN NEW;
    END IF;
    IF NEW.status = 'failed' THEN
        NEW.failed_at := coalesce(NEW.failed_at, now());
        RETURN NEW;
    END IF;
    IF new_rank >= 2 THEN
        NEW.sent_at := coalesce(NEW.sent_at, NEW.delivered_at, NEW.read_at, now());
    END IF;
    IF new_rank >= 3 THEN
        NEW.delivered_at := coalesce(NEW.delivered_at, NEW.read_at, now());
        NEW.failed_at := NULL;
        NEW.error_code := NULL;
        NEW.error_message := NULL;
    END IF;
    IF new_rank >= 4 THEN
        NEW.read_at := coalesce(NEW.read_at, now());
    END IF;
    RETURN NEW;
END
$$;

RESET ROLE;
