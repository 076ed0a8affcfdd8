SET LOCAL ROLE bb_owner;

-- Files that came in and are still to be fetched from their network: the poll of the job that does it. Whatever has been
-- fetched, or was given up, has left it.
CREATE INDEX ix_channel_messages_8 ON channel_messages (coalesce(next_attempt_at, created_at))
    WHERE direction = 'inbound' AND kind IN ('image', 'video', 'audio', 'document', 'sticker')
      AND media = '[]' AND redacted_at IS NULL;

-- Which messages have a file: asked before its only copy is removed. Few messages have any.
CREATE INDEX ix_channel_messages_9 ON channel_messages USING gin (media jsonb_path_ops) WHERE media <> '[]';

RESET ROLE;
