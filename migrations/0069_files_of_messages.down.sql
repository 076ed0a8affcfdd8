SET LOCAL ROLE bb_owner;

DROP INDEX ix_channel_messages_9;
DROP INDEX ix_channel_messages_8;

RESET ROLE;
