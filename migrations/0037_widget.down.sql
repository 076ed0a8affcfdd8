SET LOCAL ROLE bb_owner;

DROP TABLE widget_messages;
DROP TABLE widget_configs;

RESET ROLE;
