SET LOCAL ROLE bb_owner;

DROP INDEX ix_outbox_events_6;
DROP INDEX ix_outbox_events_5;
DROP INDEX ix_outbox_events_4;
DROP INDEX ix_outbox_events_1;
CREATE INDEX ix_outbox_events_1 ON outbox_events (position) WHERE published_at IS NULL;

RESET ROLE;
