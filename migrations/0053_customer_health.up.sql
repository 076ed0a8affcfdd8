SET LOCAL ROLE bb_owner;

CREATE TABLE customer_health_scores (
    id                  uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid             NOT NULL,
    customer_ref        text             NOT NULL
        CONSTRAINT ck_customer_health_scores_1 CHECK (char_length(customer_ref) <= 255),
    contact_id          uuid,
    email               citext
        CONSTRAINT ck_customer_health_scores_2 CHECK (email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email::text) <= 254),
    name                text CONSTRAINT ck_customer_health_scores_3 CHECK (char_length(name) <= 200),
    score               integer          NOT NULL
        CONSTRAINT ck_customer_health_scores_4 CHECK (score BETWEEN 0 AND 100),
    grade               text             NOT NULL
        CONSTRAINT ck_customer_health_scores_5 CHECK (grade IN ('A', 'B', 'C', 'D', 'F')),
    churn_probability   double precision NOT NULL
        CONSTRAINT ck_customer_health_scores_6 CHECK (churn_probability BETWEEN 0 AND 1),
    risk                text             NOT NULL
        CONSTRAINT ck_customer_health_scores_7 CHECK (risk IN ('very_low', 'low', 'medium', 'high', 'critical')),
    trend               text             NOT NULL DEFAULT 'stable'
        CONSTRAINT ck_customer_health_scores_8 CHECK (trend IN ('improving', 'stable', 'declining', 'critical_decline')),
    previous_score      integer CONSTRAINT ck_customer_health_scores_9 CHECK (previous_score BETWEEN 0 AND 100),
    factors             jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_customer_health_scores_10 CHECK (jsonb_typeof(factors) = 'object'),
    inputs              jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_customer_health_scores_11 CHECK (jsonb_typeof(inputs) = 'object'),
    risk_factors        jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_customer_health_scores_12 CHECK (jsonb_typeof(risk_factors) = 'array'),
    opportunities       jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_customer_health_scores_13 CHECK (jsonb_typeof(opportunities) = 'array'),
    recommended_actions jsonb            NOT NULL DEFAULT '[]'
        CONSTRAINT ck_customer_health_scores_14 CHECK (jsonb_typeof(recommended_actions) = 'array'),
    confidence          double precision NOT NULL DEFAULT 0
        CONSTRAINT ck_customer_health_scores_15 CHECK (confidence BETWEEN 0 AND 1),
    model_version       text             NOT NULL DEFAULT 'rules-v1'
        CONSTRAINT ck_customer_health_scores_16 CHECK (char_length(model_version) <= 32),
    last_activity_at    timestamptz,
    last_purchase_at    timestamptz,
    lifetime_value      bigint CONSTRAINT ck_customer_health_scores_17 CHECK (lifetime_value >= 0),
    monthly_value       bigint CONSTRAINT ck_customer_health_scores_18 CHECK (monthly_value >= 0),
    currency            text CONSTRAINT ck_customer_health_scores_19 CHECK (currency ~ '^[A-Z]{3}$'),
    calculated_at       timestamptz      NOT NULL DEFAULT now(),
    next_calculation_at timestamptz      NOT NULL,
    created_at          timestamptz      NOT NULL DEFAULT now(),
    updated_at          timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_customer_health_scores_1 UNIQUE (organization_id, id),
    CONSTRAINT uq_customer_health_scores_2 UNIQUE (organization_id, customer_ref),
    CONSTRAINT ck_customer_health_scores_20 CHECK (app.valid_settings('health_factors', factors)),
    CONSTRAINT fk_customer_health_scores_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_customer_health_scores_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE SET NULL (contact_id)
);
COMMENT ON TABLE customer_health_scores IS 'current health of one customer of the organization';

CREATE INDEX ix_customer_health_scores_1 ON customer_health_scores (organization_id, score);
CREATE INDEX ix_customer_health_scores_2 ON customer_health_scores (organization_id, churn_probability DESC)
    WHERE risk IN ('high', 'critical');
CREATE INDEX ix_customer_health_scores_3 ON customer_health_scores (next_calculation_at);
-- for foreign keys that no index above serves
CREATE INDEX ix_customer_health_scores_4 ON customer_health_scores (organization_id, contact_id);

CREATE TRIGGER touch BEFORE UPDATE ON customer_health_scores
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE customer_health_score_history (
    id                uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid             NOT NULL,
    health_score_id   uuid             NOT NULL,
    score             integer          NOT NULL
        CONSTRAINT ck_customer_health_score_history_1 CHECK (score BETWEEN 0 AND 100),
    grade             text             NOT NULL
        CONSTRAINT ck_customer_health_score_history_2 CHECK (grade IN ('A', 'B', 'C', 'D', 'F')),
    churn_probability double precision NOT NULL
        CONSTRAINT ck_customer_health_score_history_3 CHECK (churn_probability BETWEEN 0 AND 1),
    risk              text             NOT NULL
        CONSTRAINT ck_customer_health_score_history_4 CHECK (risk IN ('very_low', 'low', 'medium', 'high', 'critical')),
    delta             integer          NOT NULL DEFAULT 0,
    factors           jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_customer_health_score_history_5 CHECK (jsonb_typeof(factors) = 'object'),
    reason            text             NOT NULL DEFAULT 'scheduled'
        CONSTRAINT ck_customer_health_score_history_6 CHECK (reason IN ('scheduled', 'event', 'manual', 'import')),
    recorded_at       timestamptz      NOT NULL DEFAULT now(),
    created_at        timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_customer_health_score_history_1 UNIQUE (health_score_id, recorded_at),
    CONSTRAINT fk_customer_health_score_history_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_customer_health_score_history_health_score_id FOREIGN KEY (organization_id, health_score_id)
        REFERENCES customer_health_scores (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE customer_health_score_history IS 'past scores, for trends and explanations';

CREATE INDEX ix_customer_health_score_history_1 ON customer_health_score_history (organization_id, recorded_at DESC);

CREATE TRIGGER forbid_mutation BEFORE UPDATE OR DELETE ON customer_health_score_history
    FOR EACH ROW EXECUTE FUNCTION app.forbid_mutation();

-- The instant is that of the clock, not of the transaction: two changes in one transaction are two points.
CREATE FUNCTION app.health_history() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.customer_health_score_history
        (organization_id, health_score_id, score, grade, churn_probability, risk, delta, factors, reason, recorded_at)
    VALUES (NEW.organization_id, NEW.id, NEW.score, NEW.grade, NEW.churn_probability, NEW.risk,
            CASE WHEN TG_OP = 'UPDATE' THEN NEW.score - OLD.score ELSE 0 END, NEW.factors,
            coalesce(nullif(current_setting('app.health_reason', true), ''), 'scheduled'), clock_timestamp());
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.health_history()
    IS 'trigger: a point of history when score, grade or risk changes; its reason is the setting app.health_reason';

CREATE TRIGGER health_history_insert AFTER INSERT ON customer_health_scores
    FOR EACH ROW EXECUTE FUNCTION app.health_history();
CREATE TRIGGER health_history AFTER UPDATE OF score, grade, risk ON customer_health_scores
    FOR EACH ROW WHEN ((OLD.score, OLD.grade, OLD.risk) IS DISTINCT FROM (NEW.score, NEW.grade, NEW.risk))
    EXECUTE FUNCTION app.health_history();

RESET ROLE;
