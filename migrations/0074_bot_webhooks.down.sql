SET LOCAL ROLE bb_owner;

DROP TRIGGER touch ON bots;
CREATE TRIGGER touch BEFORE UPDATE ON bots FOR EACH ROW
    WHEN ((OLD.nlu_status, OLD.nlu_model_version, OLD.nlu_trained_at)
          IS NOT DISTINCT FROM (NEW.nlu_status, NEW.nlu_model_version, NEW.nlu_trained_at))
    EXECUTE FUNCTION app.touch_lock();
ALTER TABLE bots DROP COLUMN webhook_failures;

RESET ROLE;
