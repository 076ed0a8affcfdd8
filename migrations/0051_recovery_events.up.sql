SET LOCAL ROLE bb_owner;

CREATE TABLE recovery_events (
    id                    uuid             NOT NULL,
    organization_id       uuid             NOT NULL,
    campaign_id           uuid,
    customer_ref          text             NOT NULL
        CONSTRAINT ck_recovery_events_1 CHECK (char_length(customer_ref) <= 255),
    contact_id            uuid,
    customer_email        citext
        CONSTRAINT ck_recovery_events_2 CHECK (customer_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(customer_email::text) <= 254),
    customer_phone        text CONSTRAINT ck_recovery_events_3 CHECK (customer_phone ~ '^\+[1-9][0-9]{1,14}$'),
    customer_name         text CONSTRAINT ck_recovery_events_4 CHECK (char_length(customer_name) <= 200),
    event_type            text             NOT NULL
        CONSTRAINT ck_recovery_events_5 CHECK (event_type IN ('cart_abandoned', 'checkout_abandoned', 'payment_failed', 'subscription_canceled', 'trial_expiring', 'renewal_due', 'inactive', 'downgrade', 'churn_risk', 'negative_feedback', 'purchase', 'custom')),
    source                text             NOT NULL
        CONSTRAINT ck_recovery_events_6 CHECK (source IN ('api', 'webhook', 'ecommerce', 'billing', 'health', 'system')),
    source_event_id       text             NOT NULL
        CONSTRAINT ck_recovery_events_7 CHECK (char_length(source_event_id) <= 255),
    occurred_at           timestamptz      NOT NULL,
    expires_at            timestamptz,
    payload               jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_events_8 CHECK (jsonb_typeof(payload) = 'object'),
    value                 bigint CONSTRAINT ck_recovery_events_9 CHECK (value >= 0),
    currency              text CONSTRAINT ck_recovery_events_10 CHECK (currency ~ '^[A-Z]{3}$'),
    probability           double precision CONSTRAINT ck_recovery_events_11 CHECK (probability BETWEEN 0 AND 1),
    status                text             NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_recovery_events_12 CHECK (status IN ('pending', 'enrolled', 'in_sequence', 'recovered', 'partially_recovered', 'lost', 'expired', 'opted_out', 'suppressed', 'holdout')),
    suppressed_reason     text CONSTRAINT ck_recovery_events_13 CHECK (char_length(suppressed_reason) <= 64),
    step_no               integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_events_14 CHECK (step_no >= 0),
    next_step_at          timestamptz,
    claimed_until         timestamptz,
    attempts              integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_events_15 CHECK (attempts >= 0),
    recovered_at          timestamptz,
    recovered_value       bigint CONSTRAINT ck_recovery_events_16 CHECK (recovered_value >= 0),
    attributed_message_id uuid,
    order_ref             text CONSTRAINT ck_recovery_events_17 CHECK (char_length(order_ref) <= 255),
    created_at            timestamptz      NOT NULL,
    updated_at            timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    CONSTRAINT ck_recovery_events_18 CHECK (created_at IS NOT DISTINCT FROM app.uuid_v7_ts(id)),
    CONSTRAINT ck_recovery_events_19 CHECK ((recovered_value IS NULL) = (recovered_at IS NULL)),
    CONSTRAINT ck_recovery_events_20 CHECK (status NOT IN ('recovered', 'partially_recovered') OR recovered_at IS NOT NULL),
    CONSTRAINT fk_recovery_events_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE recovery_events IS 'something that puts revenue at risk, and the progress of winning it back';

CREATE INDEX ix_recovery_events_1 ON recovery_events (next_step_at)
    WHERE status IN ('pending', 'enrolled', 'in_sequence');
CREATE INDEX ix_recovery_events_2 ON recovery_events (organization_id, customer_ref, created_at DESC);
CREATE INDEX ix_recovery_events_3 ON recovery_events (organization_id, campaign_id, status, created_at DESC);
CREATE INDEX ix_recovery_events_4 ON recovery_events (organization_id, event_type, created_at DESC);
CREATE INDEX ix_recovery_events_5 ON recovery_events (expires_at)
    WHERE status IN ('pending', 'enrolled', 'in_sequence');

CREATE TRIGGER touch BEFORE UPDATE ON recovery_events
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE recovery_messages (
    id                    uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id       uuid        NOT NULL,
    campaign_id           uuid        NOT NULL,
    event_id              uuid        NOT NULL,
    event_created_at      timestamptz NOT NULL,
    customer_ref          text        NOT NULL
        CONSTRAINT ck_recovery_messages_1 CHECK (char_length(customer_ref) <= 255),
    contact_id            uuid,
    step_no               integer     NOT NULL CONSTRAINT ck_recovery_messages_2 CHECK (step_no BETWEEN 1 AND 20),
    channel_kind          text        NOT NULL
        CONSTRAINT ck_recovery_messages_3 CHECK (channel_kind IN ('email', 'sms', 'whatsapp', 'telegram', 'messenger', 'instagram', 'slack', 'web', 'voice')),
    channel_id            uuid,
    template_id           uuid,
    subject               text CONSTRAINT ck_recovery_messages_4 CHECK (char_length(subject) <= 300),
    body                  text        NOT NULL
        CONSTRAINT ck_recovery_messages_5 CHECK (char_length(body) <= 16000),
    variables             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_messages_6 CHECK (jsonb_typeof(variables) = 'object'),
    personalized          boolean     NOT NULL DEFAULT false,
    variant_key           text CONSTRAINT ck_recovery_messages_7 CHECK (char_length(variant_key) <= 32),
    tracking_hash         bytea       NOT NULL
        CONSTRAINT ck_recovery_messages_8 CHECK (octet_length(tracking_hash) = 32),
    incentive_code        text CONSTRAINT ck_recovery_messages_9 CHECK (char_length(incentive_code) <= 64),
    incentive             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_messages_10 CHECK (jsonb_typeof(incentive) = 'object'),
    incentive_expires_at  timestamptz,
    incentive_redeemed_at timestamptz,
    status                text        NOT NULL DEFAULT 'scheduled'
        CONSTRAINT ck_recovery_messages_11 CHECK (status IN ('scheduled', 'queued', 'sent', 'delivered', 'opened', 'clicked', 'converted', 'bounced', 'failed', 'skipped', 'unsubscribed', 'complained')),
    skip_reason           text CONSTRAINT ck_recovery_messages_12 CHECK (char_length(skip_reason) <= 64),
    scheduled_at          timestamptz NOT NULL,
    sent_at               timestamptz,
    delivered_at          timestamptz,
    opened_at             timestamptz,
    clicked_at            timestamptz,
    converted_at          timestamptz,
    message_id            uuid,
    message_created_at    timestamptz,
    email_id              uuid,
    conversion_value      bigint CONSTRAINT ck_recovery_messages_13 CHECK (conversion_value >= 0),
    currency              text CONSTRAINT ck_recovery_messages_14 CHECK (currency ~ '^[A-Z]{3}$'),
    order_ref             text CONSTRAINT ck_recovery_messages_15 CHECK (char_length(order_ref) <= 255),
    attempts              integer     NOT NULL DEFAULT 0 CONSTRAINT ck_recovery_messages_16 CHECK (attempts >= 0),
    next_attempt_at       timestamptz,
    claimed_until         timestamptz,
    error_code            text CONSTRAINT ck_recovery_messages_17 CHECK (char_length(error_code) <= 64),
    error_message         text CONSTRAINT ck_recovery_messages_18 CHECK (char_length(error_message) <= 1000),
    cost                  bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_recovery_messages_19 CHECK (cost >= 0),
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_recovery_messages_1 UNIQUE (event_id, step_no),
    CONSTRAINT uq_recovery_messages_2 UNIQUE (tracking_hash),
    CONSTRAINT fk_recovery_messages_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_recovery_messages_campaign_id FOREIGN KEY (organization_id, campaign_id)
        REFERENCES recovery_campaigns (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_recovery_messages_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE SET NULL (contact_id),
    CONSTRAINT fk_recovery_messages_channel_id FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) ON DELETE SET NULL (channel_id),
    CONSTRAINT fk_recovery_messages_template_id FOREIGN KEY (organization_id, template_id)
        REFERENCES channel_templates (organization_id, id) ON DELETE SET NULL (template_id),
    CONSTRAINT fk_recovery_messages_email_id FOREIGN KEY (organization_id, email_id)
        REFERENCES email_notifications (organization_id, id) ON DELETE SET NULL (email_id)
);
COMMENT ON TABLE recovery_messages IS 'one message of a recovery sequence with its delivery, engagement and conversion';

CREATE INDEX ix_recovery_messages_1 ON recovery_messages (scheduled_at) WHERE status = 'scheduled';
CREATE INDEX ix_recovery_messages_2 ON recovery_messages (next_attempt_at) WHERE status = 'queued';
CREATE INDEX ix_recovery_messages_3 ON recovery_messages (organization_id, campaign_id, created_at DESC);
CREATE INDEX ix_recovery_messages_4 ON recovery_messages (organization_id, customer_ref, sent_at DESC)
    WHERE sent_at IS NOT NULL;
CREATE INDEX ix_recovery_messages_5 ON recovery_messages (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX ix_recovery_messages_6 ON recovery_messages (incentive_code) WHERE incentive_code IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_recovery_messages_7 ON recovery_messages (organization_id, contact_id);
CREATE INDEX ix_recovery_messages_8 ON recovery_messages (organization_id, channel_id);
CREATE INDEX ix_recovery_messages_9 ON recovery_messages (organization_id, template_id);
CREATE INDEX ix_recovery_messages_10 ON recovery_messages (organization_id, email_id);

CREATE TRIGGER touch BEFORE UPDATE ON recovery_messages
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- Delivery and engagement of a campaign message only move forward, and what has ended stays as it is: bounced,
-- failed, skipped, unsubscribed and complained are final.
CREATE FUNCTION app.recovery_message_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    progress constant text[] := ARRAY['scheduled', 'queued', 'sent', 'delivered', 'opened', 'clicked', 'converted'];
    old_rank constant integer := array_position(progress, OLD.status);
    new_rank constant integer := array_position(progress, NEW.status);
BEGIN
    IF old_rank IS NULL OR new_rank < old_rank THEN
        NEW.status := OLD.status;
        RETURN NEW;
    END IF;
    -- Reaching a state implies the states before it.
    IF new_rank >= 3 THEN
        NEW.sent_at := coalesce(NEW.sent_at, now());
    END IF;
    IF new_rank >= 4 THEN
        NEW.delivered_at := coalesce(NEW.delivered_at, now());
    END IF;
    IF NEW.status = 'opened' THEN
        NEW.opened_at := coalesce(NEW.opened_at, now());
    ELSIF NEW.status = 'clicked' THEN
        NEW.clicked_at := coalesce(NEW.clicked_at, now());
    ELSIF NEW.status = 'converted' THEN
        NEW.converted_at := coalesce(NEW.converted_at, now());
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.recovery_message_guard() IS 'trigger: states of a campaign message only move forward';

CREATE TRIGGER recovery_message_guard BEFORE UPDATE OF status ON recovery_messages
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION app.recovery_message_guard();

RESET ROLE;
