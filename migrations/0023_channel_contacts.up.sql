SET LOCAL ROLE bb_owner;

CREATE TABLE channel_contacts (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    channel_id      uuid        NOT NULL,
    external_id     text        NOT NULL CONSTRAINT ck_channel_contacts_1 CHECK (char_length(external_id) <= 255),
    alt_external_id text CONSTRAINT ck_channel_contacts_2 CHECK (char_length(alt_external_id) <= 255),
    display_name    text CONSTRAINT ck_channel_contacts_3 CHECK (char_length(display_name) <= 200),
    username        text CONSTRAINT ck_channel_contacts_4 CHECK (char_length(username) <= 128),
    phone           text CONSTRAINT ck_channel_contacts_5 CHECK (phone ~ '^\+[1-9][0-9]{1,14}$'),
    email           citext
        CONSTRAINT ck_channel_contacts_6 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    avatar_url      text
        CONSTRAINT ck_channel_contacts_7 CHECK (avatar_url ~* '^https?://[^[:space:]]+$' AND char_length(avatar_url) <= 2048),
    locale          text CONSTRAINT ck_channel_contacts_8 CHECK (char_length(locale) <= 16),
    timezone        text CONSTRAINT ck_channel_contacts_9 CHECK (char_length(timezone) <= 64),
    tags            text[]      NOT NULL DEFAULT '{}',
    attributes      jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_channel_contacts_10 CHECK (jsonb_typeof(attributes) = 'object'),
    customer_ref    text CONSTRAINT ck_channel_contacts_11 CHECK (char_length(customer_ref) <= 255),
    consent         text        NOT NULL DEFAULT 'unknown'
        CONSTRAINT ck_channel_contacts_12 CHECK (consent IN ('unknown', 'opted_in', 'opted_out')),
    consent_at      timestamptz,
    blocked_at      timestamptz,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    last_inbound_at timestamptz,
    window_until    timestamptz,
    inbound_count   integer     NOT NULL DEFAULT 0 CONSTRAINT ck_channel_contacts_13 CHECK (inbound_count >= 0),
    outbound_count  integer     NOT NULL DEFAULT 0 CONSTRAINT ck_channel_contacts_14 CHECK (outbound_count >= 0),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT uq_channel_contacts_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_channel_contacts_2 UNIQUE (channel_id, external_id),
    CONSTRAINT uq_channel_contacts_3 UNIQUE (channel_id, alt_external_id),
    CONSTRAINT fk_channel_contacts_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_channel_contacts_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE channel_contacts IS 'an end user on one channel';

CREATE INDEX ix_channel_contacts_1 ON channel_contacts (organization_id, last_seen_at DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_channel_contacts_2 ON channel_contacts (organization_id, customer_ref)
    WHERE customer_ref IS NOT NULL;
CREATE INDEX ix_channel_contacts_3 ON channel_contacts (organization_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX ix_channel_contacts_4 ON channel_contacts (organization_id, email) WHERE email IS NOT NULL;
CREATE INDEX ix_channel_contacts_5 ON channel_contacts USING gin (tags);
CREATE INDEX ix_channel_contacts_6 ON channel_contacts USING gin (display_name gin_trgm_ops);

CREATE TRIGGER touch BEFORE UPDATE ON channel_contacts
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
