SET LOCAL ROLE bb_owner;

ALTER TABLE channel_templates DROP COLUMN disabled_at;

RESET ROLE;
