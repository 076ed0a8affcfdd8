SET LOCAL ROLE bb_owner;

DROP TRIGGER touch ON channels;
CREATE TRIGGER touch BEFORE UPDATE ON channels
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

DROP TRIGGER channels_notify ON channels;
DROP FUNCTION app.channels_notify();

RESET ROLE;
