SET LOCAL ROLE bb_owner;

CREATE TABLE recovery_campaigns (
    id                        uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id           uuid        NOT NULL,
    bot_id                    uuid,
    agent_id                  uuid,
    ab_test_id                uuid,
    name                      text        NOT NULL
        CONSTRAINT ck_recovery_campaigns_1 CHECK (char_length(name) <= 120),
    description               text CONSTRAINT ck_recovery_campaigns_2 CHECK (char_length(description) <= 2000),
    kind                      text        NOT NULL
        CONSTRAINT ck_recovery_campaigns_3 CHECK (kind IN ('cart_abandonment', 'payment_failed', 'inactivity', 'churn_prevention', 'winback', 'trial_expiring', 'renewal_reminder', 'upsell', 'custom')),
    status                    text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_recovery_campaigns_4 CHECK (status IN ('draft', 'scheduled', 'active', 'paused', 'completed', 'archived')),
    trigger                   jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_campaigns_5 CHECK (jsonb_typeof(trigger) = 'object'),
    audience                  jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_campaigns_6 CHECK (jsonb_typeof(audience) = 'object'),
    steps                     jsonb       NOT NULL DEFAULT '[]'
        CONSTRAINT ck_recovery_campaigns_7 CHECK (jsonb_typeof(steps) = 'array'),
    channel_kinds             text[]      NOT NULL DEFAULT '{}',
    incentive                 jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_campaigns_8 CHECK (jsonb_typeof(incentive) = 'object'),
    personalize               boolean     NOT NULL DEFAULT false,
    optimize_timing           boolean     NOT NULL DEFAULT false,
    holdout_bp                integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_campaigns_9 CHECK (holdout_bp BETWEEN 0 AND 5000),
    max_messages_per_customer integer     NOT NULL DEFAULT 3
        CONSTRAINT ck_recovery_campaigns_10 CHECK (max_messages_per_customer BETWEEN 1 AND 20),
    cooldown_hours            integer     NOT NULL DEFAULT 24
        CONSTRAINT ck_recovery_campaigns_11 CHECK (cooldown_hours BETWEEN 0 AND 8760),
    daily_cap                 integer CONSTRAINT ck_recovery_campaigns_12 CHECK (daily_cap >= 0),
    quiet_start               time,
    quiet_end                 time,
    timezone                  text        NOT NULL DEFAULT 'UTC'
        CONSTRAINT ck_recovery_campaigns_13 CHECK (char_length(timezone) <= 64),
    starts_at                 timestamptz,
    ends_at                   timestamptz,
    attribution_hours         integer     NOT NULL DEFAULT 168
        CONSTRAINT ck_recovery_campaigns_14 CHECK (attribution_hours BETWEEN 1 AND 2160),
    attribution               text        NOT NULL DEFAULT 'last_touch'
        CONSTRAINT ck_recovery_campaigns_15 CHECK (attribution IN ('last_touch', 'first_touch')),
    budget                    bigint CONSTRAINT ck_recovery_campaigns_16 CHECK (budget >= 0),
    currency                  text        NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_recovery_campaigns_17 CHECK (currency ~ '^[A-Z]{3}$'),
    enrolled_count            integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_campaigns_18 CHECK (enrolled_count >= 0),
    sent_count                integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_campaigns_19 CHECK (sent_count >= 0),
    recovered_count           integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_campaigns_20 CHECK (recovered_count >= 0),
    recovered_value           bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_campaigns_21 CHECK (recovered_value >= 0),
    created_by                uuid,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),
    deleted_at                timestamptz,
    lock_version              integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_recovery_campaigns_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_recovery_campaigns_22 CHECK (app.valid_settings('recovery_trigger', trigger)),
    CONSTRAINT ck_recovery_campaigns_23 CHECK (app.valid_settings('recovery_audience', audience)),
    CONSTRAINT ck_recovery_campaigns_24 CHECK (app.valid_settings('recovery_incentive', incentive)),
    CONSTRAINT ck_recovery_campaigns_25 CHECK (app.valid_recovery_steps(steps)),
    CONSTRAINT ck_recovery_campaigns_26 CHECK (status IN ('draft', 'archived') OR jsonb_array_length(steps) > 0),
    CONSTRAINT ck_recovery_campaigns_27 CHECK ((quiet_start IS NULL) = (quiet_end IS NULL)),
    CONSTRAINT fk_recovery_campaigns_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_recovery_campaigns_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE SET NULL (bot_id),
    CONSTRAINT fk_recovery_campaigns_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT fk_recovery_campaigns_ab_test_id FOREIGN KEY (organization_id, ab_test_id)
        REFERENCES ab_tests (organization_id, id) ON DELETE SET NULL (ab_test_id),
    CONSTRAINT fk_recovery_campaigns_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE recovery_campaigns IS 'rules that turn a risk event into a timed message sequence with attribution';

CREATE UNIQUE INDEX uq_recovery_campaigns_2 ON recovery_campaigns (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_recovery_campaigns_1 ON recovery_campaigns (organization_id, kind, status)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_recovery_campaigns_2 ON recovery_campaigns (starts_at) WHERE status = 'scheduled';
CREATE INDEX ix_recovery_campaigns_3 ON recovery_campaigns (ends_at)
    WHERE status = 'active' AND ends_at IS NOT NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_recovery_campaigns_4 ON recovery_campaigns (organization_id, bot_id);
CREATE INDEX ix_recovery_campaigns_5 ON recovery_campaigns (organization_id, agent_id);
CREATE INDEX ix_recovery_campaigns_6 ON recovery_campaigns (organization_id, ab_test_id);

CREATE TRIGGER touch BEFORE UPDATE ON recovery_campaigns
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
