SET LOCAL ROLE bb_owner;

CREATE TABLE email_notifications (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id      uuid,
    user_id              uuid,
    to_email             citext      NOT NULL
        CONSTRAINT ck_email_notifications_1 CHECK (to_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(to_email::text) <= 254),
    from_email           citext
        CONSTRAINT ck_email_notifications_2 CHECK (from_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(from_email::text) <= 254),
    template             text        NOT NULL
        CONSTRAINT ck_email_notifications_3 CHECK (char_length(template) <= 64),
    locale               text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_email_notifications_4 CHECK (char_length(locale) <= 16),
    subject              text CONSTRAINT ck_email_notifications_5 CHECK (char_length(subject) <= 300),
    variables            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_email_notifications_6 CHECK (jsonb_typeof(variables) = 'object'),
    secret_variables_ct  bytea,
    secret_variables_kid text
        CONSTRAINT ck_email_notifications_7 CHECK ((secret_variables_ct IS NULL) = (secret_variables_kid IS NULL)),
    category             text        NOT NULL
        CONSTRAINT ck_email_notifications_8 CHECK (category IN ('security', 'account', 'billing', 'team', 'recovery', 'product', 'digest')),
    priority             integer     NOT NULL DEFAULT 0,
    dedupe_key           text CONSTRAINT ck_email_notifications_9 CHECK (char_length(dedupe_key) <= 160),
    status               text        NOT NULL DEFAULT 'queued'
        CONSTRAINT ck_email_notifications_10 CHECK (status IN ('queued', 'sending', 'sent', 'delivered', 'bounced', 'complained', 'failed', 'suppressed', 'canceled')),
    attempts             integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_email_notifications_11 CHECK (attempts >= 0),
    max_attempts         integer     NOT NULL DEFAULT 5
        CONSTRAINT ck_email_notifications_12 CHECK (max_attempts BETWEEN 1 AND 10),
    available_at         timestamptz NOT NULL DEFAULT now(),
    locked_by            text CONSTRAINT ck_email_notifications_13 CHECK (char_length(locked_by) <= 80),
    locked_until         timestamptz,
    provider             text CONSTRAINT ck_email_notifications_14 CHECK (char_length(provider) <= 32),
    provider_message_id  text
        CONSTRAINT ck_email_notifications_15 CHECK (char_length(provider_message_id) <= 200),
    last_error           text CONSTRAINT ck_email_notifications_16 CHECK (char_length(last_error) <= 1000),
    sent_at              timestamptz,
    delivered_at         timestamptz,
    opened_at            timestamptz,
    clicked_at           timestamptz,
    bounced_at           timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_email_notifications_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_email_notifications_2 UNIQUE (dedupe_key),
    CONSTRAINT uq_email_notifications_3 UNIQUE (provider, provider_message_id),
    CONSTRAINT fk_email_notifications_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_email_notifications_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE email_notifications IS 'outgoing e-mail queue and history; bodies are rendered at send time';

CREATE INDEX ix_email_notifications_1 ON email_notifications (priority DESC, available_at)
    WHERE status = 'queued';
CREATE INDEX ix_email_notifications_2 ON email_notifications (locked_until) WHERE status = 'sending';
CREATE INDEX ix_email_notifications_3 ON email_notifications (organization_id, created_at DESC);
CREATE INDEX ix_email_notifications_4 ON email_notifications (to_email)
    WHERE status IN ('bounced', 'complained', 'suppressed');

CREATE TRIGGER touch BEFORE UPDATE ON email_notifications
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
