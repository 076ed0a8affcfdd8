SET LOCAL ROLE bb_owner;

CREATE TABLE bot_messages (
    id               uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id  uuid        NOT NULL,
    bot_id           uuid        NOT NULL,
    kind             text        NOT NULL
        CONSTRAINT ck_bot_messages_1 CHECK (kind IN ('welcome', 'fallback', 'keyword', 'canned', 'away', 'handoff', 'error')),
    name             text        NOT NULL CONSTRAINT ck_bot_messages_2 CHECK (char_length(name) <= 120),
    language         text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_bot_messages_3 CHECK (char_length(language) <= 16),
    trigger_keywords text[]      NOT NULL DEFAULT '{}',
    match_mode       text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_bot_messages_4 CHECK (match_mode IN ('none', 'exact', 'contains', 'pattern')),
    channel_types    text[]      NOT NULL DEFAULT '{}',
    content          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_bot_messages_5 CHECK (jsonb_typeof(content) = 'object'),
    priority         integer     NOT NULL DEFAULT 0,
    is_active        boolean     NOT NULL DEFAULT true,
    created_by       uuid,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    CONSTRAINT uq_bot_messages_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_bot_messages_6 CHECK (app.valid_message(content)),
    CONSTRAINT ck_bot_messages_7 CHECK (NOT (kind = 'keyword') OR (cardinality(trigger_keywords) > 0)),
    CONSTRAINT fk_bot_messages_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_bot_messages_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_bot_messages_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE bot_messages IS 'authored replies: welcome, fallback, keyword, canned, away and error texts';

CREATE INDEX ix_bot_messages_1 ON bot_messages (organization_id, bot_id, kind, priority DESC)
    WHERE is_active AND deleted_at IS NULL;
CREATE INDEX ix_bot_messages_2 ON bot_messages USING gin (trigger_keywords);
-- for foreign keys that no index above serves
CREATE INDEX ix_bot_messages_3 ON bot_messages (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON bot_messages
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
