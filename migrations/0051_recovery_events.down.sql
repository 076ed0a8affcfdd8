SET LOCAL ROLE bb_owner;

DROP TABLE recovery_messages;
DROP TABLE recovery_events;
DROP FUNCTION app.recovery_message_guard();

RESET ROLE;
