SET LOCAL ROLE bb_owner;

DROP INDEX ix_conversations_6;
CREATE INDEX ix_conversations_6 ON conversations (next_timer_at) WHERE next_timer_at IS NOT NULL;

RESET ROLE;
