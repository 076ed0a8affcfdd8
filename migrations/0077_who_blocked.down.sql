SET LOCAL ROLE bb_owner;

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

ALTER TABLE channels DROP CONSTRAINT ck_channels_16;
ALTER TABLE channels NO FORCE ROW LEVEL SECURITY;
UPDATE channels SET rate_per_second = 20 WHERE rate_per_second IS NULL;
ALTER TABLE channels FORCE ROW LEVEL SECURITY;
ALTER TABLE channels ALTER COLUMN rate_per_second SET DEFAULT 20, ALTER COLUMN rate_per_second SET NOT NULL;

ALTER TABLE channel_contacts DROP CONSTRAINT ck_channel_contacts_16;
ALTER TABLE channel_contacts DROP COLUMN blocked_by;

RESET ROLE;
