-- A template that an operator disabled is told from one that the provider disabled: reading the provider's list does not
-- undo the former.
SET LOCAL ROLE bb_owner;

ALTER TABLE channel_templates ADD COLUMN disabled_at timestamptz;
COMMENT ON COLUMN channel_templates.disabled_at IS 'when an operator disabled it; empty where the provider did';

RESET ROLE;
