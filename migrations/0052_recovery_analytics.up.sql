SET LOCAL ROLE bb_owner;

CREATE TABLE recovery_analytics (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    campaign_id        uuid,
    period             text        NOT NULL
        CONSTRAINT ck_recovery_analytics_1 CHECK (period IN ('hour', 'day', 'week', 'month')),
    period_start       timestamptz NOT NULL,
    currency           text        NOT NULL CONSTRAINT ck_recovery_analytics_2 CHECK (currency ~ '^[A-Z]{3}$'),
    events_detected    integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_3 CHECK (events_detected >= 0),
    enrolled           integer     NOT NULL DEFAULT 0 CONSTRAINT ck_recovery_analytics_4 CHECK (enrolled >= 0),
    holdout            integer     NOT NULL DEFAULT 0 CONSTRAINT ck_recovery_analytics_5 CHECK (holdout >= 0),
    messages_sent      integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_6 CHECK (messages_sent >= 0),
    messages_delivered integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_7 CHECK (messages_delivered >= 0),
    messages_opened    integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_8 CHECK (messages_opened >= 0),
    messages_clicked   integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_9 CHECK (messages_clicked >= 0),
    recovered_full     integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_10 CHECK (recovered_full >= 0),
    recovered_partial  integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_11 CHECK (recovered_partial >= 0),
    holdout_recovered  integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_12 CHECK (holdout_recovered >= 0),
    value_at_risk      bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_13 CHECK (value_at_risk >= 0),
    value_recovered    bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_14 CHECK (value_recovered >= 0),
    incentive_cost     bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_15 CHECK (incentive_cost >= 0),
    message_cost       bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_recovery_analytics_16 CHECK (message_cost >= 0),
    by_channel         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_analytics_17 CHECK (jsonb_typeof(by_channel) = 'object'),
    by_event_type      jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_analytics_18 CHECK (jsonb_typeof(by_event_type) = 'object'),
    by_step            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_analytics_19 CHECK (jsonb_typeof(by_step) = 'object'),
    by_variant         jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_recovery_analytics_20 CHECK (jsonb_typeof(by_variant) = 'object'),
    computed_at        timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_recovery_analytics_1 UNIQUE NULLS NOT DISTINCT (organization_id, campaign_id, period, period_start, currency),
    CONSTRAINT fk_recovery_analytics_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_recovery_analytics_campaign_id FOREIGN KEY (organization_id, campaign_id)
        REFERENCES recovery_campaigns (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE recovery_analytics IS 'rollup per campaign, period and currency';

CREATE INDEX ix_recovery_analytics_1 ON recovery_analytics (organization_id, period, period_start DESC);

CREATE TRIGGER touch BEFORE UPDATE ON recovery_analytics
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
