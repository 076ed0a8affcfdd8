SET LOCAL ROLE bb_owner;

-- What flows sign in to services with. Neither variables of flows nor settings of bots are a place for it: both are shown,
-- exported and versioned. A secret belongs to one bot, or to every bot of its organization; the bot's own goes first.
CREATE TABLE flow_secrets (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    bot_id          uuid,
    name            text        NOT NULL CONSTRAINT ck_flow_secrets_1 CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    description     text CONSTRAINT ck_flow_secrets_2 CHECK (char_length(description) <= 300),
    value_ct        bytea       NOT NULL,
    value_kid       text        NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_flow_secrets_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_secrets_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_flow_secrets_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE flow_secrets IS 'ADDITION: sealed values that flows name in calls of services';

CREATE UNIQUE INDEX uq_flow_secrets_1 ON flow_secrets (organization_id, bot_id, name) NULLS NOT DISTINCT;

CREATE TRIGGER touch BEFORE UPDATE ON flow_secrets
    FOR EACH ROW EXECUTE FUNCTION app.touch();

ALTER TABLE flow_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE flow_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON flow_secrets TO bb_admin, bb_purge USING (true) WITH CHECK (true);
CREATE POLICY tenant_isolation ON flow_secrets TO bb_app
    USING (organization_id = (SELECT app.current_org()))
    WITH CHECK (organization_id = (SELECT app.current_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON flow_secrets TO bb_app;
GRANT SELECT, DELETE ON flow_secrets TO bb_purge;
GRANT SELECT ON flow_secrets TO bb_admin;

RESET ROLE;
