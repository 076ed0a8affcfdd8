SET LOCAL ROLE bb_owner;

-- What waits for a reason (put aside, or one of a hundred thousand sent in bulk) is out of the way of what is published
-- as soon as it is committed.
DROP INDEX ix_outbox_events_1;
CREATE INDEX ix_outbox_events_1 ON outbox_events (position)
    WHERE published_at IS NULL AND event_type NOT IN ('message.parked', 'message.scheduled', 'message.bulk');
CREATE INDEX ix_outbox_events_4 ON outbox_events (topic)
    WHERE published_at IS NULL AND event_type IN ('message.parked', 'message.scheduled');
CREATE INDEX ix_outbox_events_5 ON outbox_events (available_at, position)
    WHERE published_at IS NULL AND event_type = 'message.bulk';
-- The first part of the key is the channel: its last turn is where the next messages follow.
CREATE INDEX ix_outbox_events_6 ON outbox_events (split_part(partition_key, ':', 1), available_at)
    WHERE published_at IS NULL AND event_type = 'message.bulk';

RESET ROLE;
