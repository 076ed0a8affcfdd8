SET LOCAL ROLE bb_owner;

DROP TABLE channel_webhooks;

RESET ROLE;
