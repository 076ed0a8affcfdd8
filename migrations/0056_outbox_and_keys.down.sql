SET LOCAL ROLE bb_owner;

DROP TABLE message_events;
DROP TABLE idempotency_keys;
DROP TABLE dedupe_keys;
DROP TABLE outbox_events;
DROP FUNCTION app.outbox_notify();

RESET ROLE;
