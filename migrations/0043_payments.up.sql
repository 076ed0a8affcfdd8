SET LOCAL ROLE bb_owner;

CREATE TABLE payment_history (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    user_id         uuid,
    subscription_id uuid,
    kind            text        NOT NULL
        CONSTRAINT ck_payment_history_1 CHECK (kind IN ('invoice', 'charge', 'refund', 'credit')),
    provider        text        NOT NULL DEFAULT 'stripe'
        CONSTRAINT ck_payment_history_2 CHECK (provider IN ('stripe', 'manual')),
    provider_ref    text        NOT NULL CONSTRAINT ck_payment_history_3 CHECK (char_length(provider_ref) <= 128),
    status          text        NOT NULL
        CONSTRAINT ck_payment_history_4 CHECK (status IN ('pending', 'succeeded', 'failed', 'refunded', 'partially_refunded', 'disputed', 'void')),
    amount          bigint      NOT NULL CONSTRAINT ck_payment_history_5 CHECK (amount >= 0),
    tax             bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_payment_history_6 CHECK (tax >= 0),
    refunded        bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_payment_history_7 CHECK (refunded >= 0),
    currency        text        NOT NULL CONSTRAINT ck_payment_history_8 CHECK (currency ~ '^[A-Z]{3}$'),
    failure_code    text CONSTRAINT ck_payment_history_9 CHECK (char_length(failure_code) <= 64),
    failure_message text CONSTRAINT ck_payment_history_10 CHECK (char_length(failure_message) <= 500),
    description     text CONSTRAINT ck_payment_history_11 CHECK (char_length(description) <= 500),
    receipt_url     text
        CONSTRAINT ck_payment_history_12 CHECK (receipt_url ~* '^https?://[^[:space:]]+$' AND char_length(receipt_url) <= 2048),
    invoice_url     text
        CONSTRAINT ck_payment_history_13 CHECK (invoice_url ~* '^https?://[^[:space:]]+$' AND char_length(invoice_url) <= 2048),
    period_start    timestamptz,
    period_end      timestamptz,
    paid_at         timestamptz,
    next_retry_at   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_payment_history_1 UNIQUE (provider, provider_ref),
    CONSTRAINT ck_payment_history_14 CHECK (refunded <= amount),
    CONSTRAINT fk_payment_history_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_payment_history_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_payment_history_subscription_id FOREIGN KEY (organization_id, subscription_id)
        REFERENCES user_subscriptions (organization_id, id) ON DELETE SET NULL (subscription_id)
);
COMMENT ON TABLE payment_history IS 'invoices, charges, refunds and credits as the payment provider reported them';

CREATE INDEX ix_payment_history_1 ON payment_history (organization_id, created_at DESC);
CREATE INDEX ix_payment_history_2 ON payment_history (next_retry_at) WHERE status = 'failed';
-- for foreign keys that no index above serves
CREATE INDEX ix_payment_history_3 ON payment_history (organization_id, subscription_id);

CREATE TRIGGER touch BEFORE UPDATE ON payment_history
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
