SET LOCAL ROLE bb_owner;

DROP INDEX ix_widget_messages_5;

RESET ROLE;
