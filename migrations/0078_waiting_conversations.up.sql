SET LOCAL ROLE bb_owner;

-- A conversation that is closed keeps its timer for when it is opened again, and nothing looks at it meanwhile: with
-- those in the index, what is over for good would stand before what waits.
DROP INDEX ix_conversations_6;
CREATE INDEX ix_conversations_6 ON conversations (next_timer_at)
    WHERE next_timer_at IS NOT NULL AND status <> 'closed';

-- What was erased before has nothing to wait for.
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_contacts NO FORCE ROW LEVEL SECURITY;
UPDATE conversations SET next_timer_at = NULL
 WHERE next_timer_at IS NOT NULL
   AND contact_id IN (SELECT id FROM channel_contacts WHERE deleted_at IS NOT NULL AND external_id LIKE 'erased:%');
ALTER TABLE channel_contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;

RESET ROLE;
