SET LOCAL ROLE bb_owner;

DROP TABLE channel_templates;

RESET ROLE;
