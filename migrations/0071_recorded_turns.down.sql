SET LOCAL ROLE bb_owner;

CREATE OR REPLACE FUNCTION app.partition_policy()
    RETURNS TABLE (parent_table text, keep_months integer, then_action text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('channel_messages', 13, 'archive'),
           ('widget_messages', 3, 'drop'),
           ('nlu_logs', 3, 'drop'),
           ('webhook_logs', 2, 'drop'),
           ('activity_logs', 12, 'drop'),
           ('usage_tracking', 25, 'archive'),
           ('recovery_events', 25, 'archive'),
           ('audit_logs', 24, 'archive'),
           ('message_events', 3, 'drop');
END;

ALTER TABLE conversations
    DROP COLUMN recorded_since,
    DROP COLUMN recorded_version;
DROP TABLE turn_circumstances;
DROP TABLE conversation_turns;

RESET ROLE;
