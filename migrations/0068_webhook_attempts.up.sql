SET LOCAL ROLE bb_owner;

-- A row stands for one attempt. One that failed while another follows was neither waiting ('retrying') nor the end of
-- the delivery ('abandoned'), so it had no word.
ALTER TABLE webhook_logs DROP CONSTRAINT ck_webhook_logs_4;
ALTER TABLE webhook_logs ADD CONSTRAINT ck_webhook_logs_4
    CHECK (status IN ('pending', 'succeeded', 'retrying', 'failed', 'abandoned'));

-- Live views follow events by their position.
CREATE INDEX ix_outbox_events_7 ON outbox_events (position) WHERE topic = 'events';
-- What of it nobody took yet.
CREATE INDEX ix_outbox_events_8 ON outbox_events (organization_id, position)
    WHERE topic = 'events' AND published_at IS NULL;

RESET ROLE;
