SET LOCAL ROLE bb_owner;

CREATE TABLE subscription_plans (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    code                 text        NOT NULL
        CONSTRAINT ck_subscription_plans_1 CHECK (code ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name                 text        NOT NULL CONSTRAINT ck_subscription_plans_2 CHECK (char_length(name) <= 80),
    description          text CONSTRAINT ck_subscription_plans_3 CHECK (char_length(description) <= 1000),
    currency             text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_subscription_plans_4 CHECK (currency ~ '^[A-Z]{3}$'),
    price_monthly        bigint      NOT NULL CONSTRAINT ck_subscription_plans_5 CHECK (price_monthly >= 0),
    price_yearly         bigint CONSTRAINT ck_subscription_plans_6 CHECK (price_yearly >= 0),
    stripe_price_monthly text CONSTRAINT ck_subscription_plans_7 CHECK (char_length(stripe_price_monthly) <= 64),
    stripe_price_yearly  text CONSTRAINT ck_subscription_plans_8 CHECK (char_length(stripe_price_yearly) <= 64),
    limits               jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_subscription_plans_9 CHECK (jsonb_typeof(limits) = 'object'),
    features             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_subscription_plans_10 CHECK (jsonb_typeof(features) = 'object'),
    overage              jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_subscription_plans_11 CHECK (jsonb_typeof(overage) = 'object'),
    trial_days           integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_subscription_plans_12 CHECK (trial_days BETWEEN 0 AND 365),
    is_public            boolean     NOT NULL DEFAULT true,
    is_active            boolean     NOT NULL DEFAULT true,
    sort_order           integer     NOT NULL DEFAULT 0,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_subscription_plans_1 UNIQUE (code),
    CONSTRAINT uq_subscription_plans_2 UNIQUE (stripe_price_monthly),
    CONSTRAINT uq_subscription_plans_3 UNIQUE (stripe_price_yearly),
    CONSTRAINT ck_subscription_plans_13 CHECK (app.valid_settings('plan_limits', limits))
);
COMMENT ON TABLE subscription_plans IS 'the plan catalogue';

CREATE INDEX ix_subscription_plans_1 ON subscription_plans (sort_order) WHERE is_public AND is_active;

CREATE TRIGGER touch BEFORE UPDATE ON subscription_plans
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE user_subscriptions (
    id                     uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id        uuid        NOT NULL,
    user_id                uuid        NOT NULL,
    plan_id                uuid        NOT NULL,
    pending_plan_id        uuid,
    status                 text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_user_subscriptions_1 CHECK (status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'incomplete')),
    billing_cycle          text        NOT NULL DEFAULT 'monthly'
        CONSTRAINT ck_user_subscriptions_2 CHECK (billing_cycle IN ('monthly', 'yearly')),
    seats                  integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_user_subscriptions_3 CHECK (seats BETWEEN 1 AND 100000),
    unit_amount            bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_user_subscriptions_4 CHECK (unit_amount >= 0),
    currency               text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_user_subscriptions_5 CHECK (currency ~ '^[A-Z]{3}$'),
    stripe_subscription_id text
        CONSTRAINT ck_user_subscriptions_6 CHECK (char_length(stripe_subscription_id) <= 64),
    limits_override        jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_user_subscriptions_7 CHECK (jsonb_typeof(limits_override) = 'object'),
    trial_ends_at          timestamptz,
    current_period_start   timestamptz NOT NULL,
    current_period_end     timestamptz NOT NULL,
    cancel_at_period_end   boolean     NOT NULL DEFAULT false,
    canceled_at            timestamptz,
    grace_until            timestamptz,
    provider_synced_at     timestamptz,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    lock_version           integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_user_subscriptions_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_user_subscriptions_3 UNIQUE (stripe_subscription_id),
    CONSTRAINT ck_user_subscriptions_8 CHECK (current_period_end > current_period_start),
    CONSTRAINT ck_user_subscriptions_9 CHECK (app.valid_settings('plan_limits', limits_override)),
    CONSTRAINT fk_user_subscriptions_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_user_subscriptions_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT fk_user_subscriptions_plan_id FOREIGN KEY (plan_id)
        REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT fk_user_subscriptions_pending_plan_id FOREIGN KEY (pending_plan_id)
        REFERENCES subscription_plans (id) ON DELETE SET NULL
);
COMMENT ON TABLE user_subscriptions IS 'the organization''s subscription and the user who pays for it';

CREATE UNIQUE INDEX uq_user_subscriptions_2 ON user_subscriptions (organization_id)
    WHERE status <> 'canceled';
CREATE INDEX ix_user_subscriptions_1 ON user_subscriptions (current_period_end)
    WHERE status IN ('trialing', 'active', 'past_due');
CREATE INDEX ix_user_subscriptions_2 ON user_subscriptions (grace_until) WHERE status = 'past_due';
-- for foreign keys that no index above serves
CREATE INDEX ix_user_subscriptions_3 ON user_subscriptions (user_id);
CREATE INDEX ix_user_subscriptions_4 ON user_subscriptions (plan_id);
CREATE INDEX ix_user_subscriptions_5 ON user_subscriptions (pending_plan_id);

CREATE TRIGGER touch BEFORE UPDATE ON user_subscriptions
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
