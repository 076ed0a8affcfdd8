SET LOCAL ROLE bb_owner;

CREATE TABLE bot_flows (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid        NOT NULL,
    bot_id               uuid        NOT NULL,
    name                 text        NOT NULL CONSTRAINT ck_bot_flows_1 CHECK (char_length(name) <= 120),
    description          text CONSTRAINT ck_bot_flows_2 CHECK (char_length(description) <= 2000),
    status               text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_bot_flows_3 CHECK (status IN ('draft', 'published', 'archived')),
    is_default           boolean     NOT NULL DEFAULT false,
    draft_definition     jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_bot_flows_4 CHECK (jsonb_typeof(draft_definition) = 'object'),
    draft_hash           bytea CONSTRAINT ck_bot_flows_5 CHECK (octet_length(draft_hash) = 32),
    draft_saved_at       timestamptz,
    validation_report    jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_bot_flows_6 CHECK (jsonb_typeof(validation_report) = 'object'),
    published_version_id uuid,
    published_version    integer CONSTRAINT ck_bot_flows_7 CHECK (published_version BETWEEN 1 AND 2147483647),
    published_at         timestamptz,
    published_by         uuid,
    created_by           uuid,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    lock_version         integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_bot_flows_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_bot_flows_8 CHECK (app.valid_flow(draft_definition, false)),
    CONSTRAINT ck_bot_flows_9 CHECK (NOT (status = 'published') OR (published_version_id IS NOT NULL)),
    CONSTRAINT fk_bot_flows_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_bot_flows_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_bot_flows_published_version_id FOREIGN KEY (organization_id, published_version_id)
        REFERENCES entity_versions (organization_id, id) ON DELETE RESTRICT,
    CONSTRAINT fk_bot_flows_published_by FOREIGN KEY (published_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_bot_flows_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE bot_flows IS 'a visual conversation flow: editable draft plus pointer to its published version';

CREATE UNIQUE INDEX uq_bot_flows_2 ON bot_flows (bot_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_bot_flows_3 ON bot_flows (bot_id)
    WHERE is_default AND deleted_at IS NULL;
CREATE INDEX ix_bot_flows_1 ON bot_flows (organization_id, bot_id, status, updated_at DESC)
    WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_bot_flows_2 ON bot_flows (organization_id, bot_id);
CREATE INDEX ix_bot_flows_3 ON bot_flows (organization_id, published_version_id);

CREATE TRIGGER touch BEFORE UPDATE ON bot_flows
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
