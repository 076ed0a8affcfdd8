SET LOCAL ROLE bb_owner;

DROP TABLE bot_messages;

RESET ROLE;
