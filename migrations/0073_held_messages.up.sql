SET LOCAL ROLE bb_owner;

-- A message outside the reply window waits until its contact writes: a record that nobody publishes, found by the key of
-- its conversation when that happens, and by its instant when the wait is over.
DROP INDEX ix_outbox_events_1;
CREATE INDEX ix_outbox_events_1 ON outbox_events (position)
    WHERE published_at IS NULL
      AND event_type NOT IN ('message.parked', 'message.scheduled', 'message.bulk', 'message.held');
CREATE INDEX ix_outbox_events_9 ON outbox_events (partition_key, available_at)
    WHERE published_at IS NULL AND event_type = 'message.held';

-- Its trail says so.
ALTER TABLE message_events DROP CONSTRAINT ck_message_events_1;
ALTER TABLE message_events ADD CONSTRAINT ck_message_events_1 CHECK (stage IN ('received', 'verified', 'appended',
    'deduplicated', 'turn', 'queued', 'attempt', 'accepted', 'refused', 'status', 'downgraded', 'uncertain', 'dead',
    'replayed', 'expired', 'unsupported', 'held', 'released'));

RESET ROLE;
