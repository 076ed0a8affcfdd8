SET LOCAL ROLE bb_owner;

DROP TABLE channel_contacts;

RESET ROLE;
