SET LOCAL ROLE bb_owner;

-- What came into each step of a conversation, with what the world answered: enough to make the step again. Kept apart
-- from the messages, because it is read by nobody but replays, has its own retention, and goes with the contact.
CREATE TABLE conversation_turns (
    id               uuid        NOT NULL,
    organization_id  uuid        NOT NULL,
    conversation_id  uuid        NOT NULL,
    version_id       uuid        NOT NULL,  -- the version of the flow that made the step
    circumstances_id bytea       NOT NULL CONSTRAINT ck_conversation_turns_1 CHECK (octet_length(circumstances_id) = 32),
    number           integer     NOT NULL CONSTRAINT ck_conversation_turns_2 CHECK (number >= 0),  -- conversations.state_version after it
    at               timestamptz NOT NULL,  -- what the step was told the time is
    input            jsonb       NOT NULL CONSTRAINT ck_conversation_turns_3 CHECK (jsonb_typeof(input) = 'object'),
    before           jsonb CONSTRAINT ck_conversation_turns_4 CHECK (jsonb_typeof(before) = 'object'),  -- the session before it, unless it is what the step before left
    digest           bytea       NOT NULL CONSTRAINT ck_conversation_turns_5 CHECK (octet_length(digest) = 32),
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_conversation_turns_6 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT fk_conversation_turns_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_conversation_turns_conversation_id FOREIGN KEY (organization_id, conversation_id)
        REFERENCES conversations (organization_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE conversation_turns IS 'ADDITION: the steps of conversations with everything that came in from outside, to be made again';

CREATE INDEX ix_conversation_turns_1 ON conversation_turns (organization_id, conversation_id, number);
CREATE INDEX ix_conversation_turns_2 ON conversation_turns USING brin (created_at);

-- What steps depended on besides: texts and settings of the bot, its limits, how flows follow each other. The same for
-- thousands of steps, so it is kept once, under its digest, as long as it was used lately.
CREATE TABLE turn_circumstances (
    organization_id uuid        NOT NULL,
    digest          bytea       NOT NULL CONSTRAINT ck_turn_circumstances_1 CHECK (octet_length(digest) = 32),
    document        jsonb       NOT NULL
        CONSTRAINT ck_turn_circumstances_2 CHECK (jsonb_typeof(document) = 'object'),
    used_at         timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, digest),
    CONSTRAINT fk_turn_circumstances_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
);
COMMENT ON TABLE turn_circumstances IS 'ADDITION: what recorded steps depended on besides their input, once for each state of a bot';

CREATE INDEX ix_turn_circumstances_1 ON turn_circumstances (used_at);

-- Which state was recorded last, and since when the records can be followed: a state that somebody else wrote is kept
-- whole with the next step, and so is one a day.
ALTER TABLE conversations
    ADD COLUMN recorded_version integer CONSTRAINT ck_conversations_17 CHECK (recorded_version >= 0),
    ADD COLUMN recorded_since timestamptz;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['conversation_turns', 'turn_circumstances'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY platform ON %I TO bb_admin, bb_purge USING (true) WITH CHECK (true)', table_name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I TO bb_app '
                       'USING (organization_id = (SELECT app.current_org())) '
                       'WITH CHECK (organization_id = (SELECT app.current_org()))', table_name);
        EXECUTE format('GRANT SELECT, DELETE ON %I TO bb_purge', table_name);
        EXECUTE format('GRANT SELECT ON %I TO bb_admin', table_name);
    END LOOP;
END
$$;
-- Erasing a contact removes its records.
GRANT SELECT, INSERT, DELETE ON conversation_turns TO bb_app;
GRANT SELECT, INSERT, UPDATE ON turn_circumstances TO bb_app;

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
           ('message_events', 3, 'drop'),
           ('conversation_turns', 3, 'drop');
END;
SELECT app.ensure_partitions(3);

RESET ROLE;
