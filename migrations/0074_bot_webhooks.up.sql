SET LOCAL ROLE bb_owner;

-- A bot's own webhook is switched off after as many failures in a row as an organization's, so it counts them too.
ALTER TABLE bots ADD COLUMN webhook_failures integer NOT NULL DEFAULT 0
    CONSTRAINT ck_bots_19 CHECK (webhook_failures >= 0);

-- Counting them is nobody's change of the bot; switching the webhook off is one.
DROP TRIGGER touch ON bots;
CREATE TRIGGER touch BEFORE UPDATE ON bots FOR EACH ROW
    WHEN ((OLD.nlu_status, OLD.nlu_model_version, OLD.nlu_trained_at, OLD.webhook_failures)
              IS NOT DISTINCT FROM (NEW.nlu_status, NEW.nlu_model_version, NEW.nlu_trained_at, NEW.webhook_failures)
          OR OLD.webhook_disabled_at IS DISTINCT FROM NEW.webhook_disabled_at)
    EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
