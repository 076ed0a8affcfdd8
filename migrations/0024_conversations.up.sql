SET LOCAL ROLE bb_owner;

CREATE TABLE conversations (
    id                     uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id        uuid        NOT NULL,
    channel_id             uuid        NOT NULL,
    contact_id             uuid        NOT NULL,
    bot_id                 uuid,
    thread_ref             text        NOT NULL DEFAULT ''
        CONSTRAINT ck_conversations_1 CHECK (char_length(thread_ref) <= 255),
    language               text CONSTRAINT ck_conversations_2 CHECK (char_length(language) <= 16),
    status                 text        NOT NULL DEFAULT 'open'
        CONSTRAINT ck_conversations_3 CHECK (status IN ('open', 'pending', 'snoozed', 'closed')),
    mode                   text        NOT NULL DEFAULT 'bot'
        CONSTRAINT ck_conversations_4 CHECK (mode IN ('bot', 'human', 'paused')),
    assigned_member_id     uuid,
    priority               text        NOT NULL DEFAULT 'normal'
        CONSTRAINT ck_conversations_5 CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    active_version_id      uuid,
    runtime_state          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_conversations_6 CHECK (jsonb_typeof(runtime_state) = 'object'),
    state_version          integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_conversations_7 CHECK (state_version >= 0),
    state_stream           text CONSTRAINT ck_conversations_8 CHECK (char_length(state_stream) <= 160),
    state_offset           bigint CONSTRAINT ck_conversations_9 CHECK (state_offset >= 0),
    next_timer_at          timestamptz,
    state_expires_at       timestamptz,
    snoozed_until          timestamptz,
    last_message_at        timestamptz,
    last_inbound_at        timestamptz,
    last_outbound_at       timestamptz,
    first_response_seconds integer CONSTRAINT ck_conversations_10 CHECK (first_response_seconds >= 0),
    unread_count           integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_conversations_11 CHECK (unread_count >= 0),
    message_count          integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_conversations_12 CHECK (message_count >= 0),
    csat                   integer CONSTRAINT ck_conversations_13 CHECK (csat BETWEEN 1 AND 5),
    closed_at              timestamptz,
    closed_reason          text CONSTRAINT ck_conversations_14 CHECK (char_length(closed_reason) <= 64),
    tags                   text[]      NOT NULL DEFAULT '{}',
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    lock_version           integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_conversations_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_conversations_15 CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CONSTRAINT ck_conversations_16 CHECK (NOT (status = 'snoozed') OR (snoozed_until IS NOT NULL)),
    CONSTRAINT fk_conversations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_conversations_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_conversations_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_conversations_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE SET NULL (bot_id),
    CONSTRAINT fk_conversations_assigned_member_id FOREIGN KEY (organization_id, assigned_member_id)
        REFERENCES organization_members (organization_id, id) ON DELETE SET NULL (assigned_member_id),
    CONSTRAINT fk_conversations_active_version_id FOREIGN KEY (organization_id, active_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE SET NULL (active_version_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE conversations IS 'ADDITION: the thread between a contact and an organization on one channel; inbox and runtime state';

CREATE UNIQUE INDEX uq_conversations_2 ON conversations (channel_id, contact_id, thread_ref)
    WHERE status <> 'closed';
CREATE INDEX ix_conversations_1 ON conversations (organization_id, status, last_message_at DESC);
CREATE INDEX ix_conversations_2 ON conversations (organization_id, assigned_member_id, status, last_message_at DESC);
CREATE INDEX ix_conversations_3 ON conversations (organization_id, bot_id, last_message_at DESC);
CREATE INDEX ix_conversations_4 ON conversations (state_expires_at)
    WHERE state_expires_at IS NOT NULL AND status <> 'closed';
CREATE INDEX ix_conversations_5 ON conversations (snoozed_until) WHERE status = 'snoozed';
CREATE INDEX ix_conversations_6 ON conversations (next_timer_at) WHERE next_timer_at IS NOT NULL;
CREATE INDEX ix_conversations_7 ON conversations USING gin (tags);
-- for foreign keys that no index above serves
CREATE INDEX ix_conversations_8 ON conversations (organization_id, channel_id);
CREATE INDEX ix_conversations_9 ON conversations (organization_id, contact_id);
CREATE INDEX ix_conversations_10 ON conversations (organization_id, active_version_id);

CREATE TRIGGER touch BEFORE UPDATE ON conversations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
