SET LOCAL ROLE bb_owner;

DROP TABLE channel_messages;
DROP FUNCTION app.message_state_guard();

RESET ROLE;
