SET LOCAL ROLE bb_owner;

DROP INDEX ix_outbox_events_8;
DROP INDEX ix_outbox_events_7;
UPDATE webhook_logs SET status = 'abandoned' WHERE status = 'failed';
ALTER TABLE webhook_logs DROP CONSTRAINT ck_webhook_logs_4;
ALTER TABLE webhook_logs ADD CONSTRAINT ck_webhook_logs_4
    CHECK (status IN ('pending', 'succeeded', 'retrying', 'abandoned'));

RESET ROLE;
