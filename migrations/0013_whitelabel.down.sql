SET LOCAL ROLE bb_owner;

DROP TABLE whitelabel_settings;

RESET ROLE;
