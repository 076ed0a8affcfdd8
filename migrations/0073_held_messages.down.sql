SET LOCAL ROLE bb_owner;

-- What the earlier schema has no word for goes.
ALTER TABLE message_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE message_events DISABLE TRIGGER forbid_mutation;
DELETE FROM message_events WHERE stage IN ('held', 'released');
ALTER TABLE message_events ENABLE TRIGGER forbid_mutation;
ALTER TABLE message_events FORCE ROW LEVEL SECURITY;
ALTER TABLE message_events DROP CONSTRAINT ck_message_events_1;
ALTER TABLE message_events ADD CONSTRAINT ck_message_events_1 CHECK (stage IN ('received', 'verified', 'appended',
    'deduplicated', 'turn', 'queued', 'attempt', 'accepted', 'refused', 'status', 'downgraded', 'uncertain', 'dead',
    'replayed', 'expired', 'unsupported'));

DROP INDEX ix_outbox_events_9;
DROP INDEX ix_outbox_events_1;
CREATE INDEX ix_outbox_events_1 ON outbox_events (position)
    WHERE published_at IS NULL AND event_type NOT IN ('message.parked', 'message.scheduled', 'message.bulk');

RESET ROLE;
