SET LOCAL ROLE bb_owner;

CREATE TABLE ab_tests (
    id              uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid          NOT NULL,
    bot_id          uuid,
    name            text          NOT NULL CONSTRAINT ck_ab_tests_1 CHECK (char_length(name) <= 120),
    hypothesis      text CONSTRAINT ck_ab_tests_2 CHECK (char_length(hypothesis) <= 2000),
    target_type     text          NOT NULL
        CONSTRAINT ck_ab_tests_3 CHECK (target_type IN ('message', 'flow', 'prompt', 'model_version', 'widget', 'template', 'recovery_step')),
    target_id       uuid,
    unit            text          NOT NULL DEFAULT 'contact'
        CONSTRAINT ck_ab_tests_4 CHECK (unit IN ('contact', 'conversation', 'visitor')),
    salt            text          NOT NULL CONSTRAINT ck_ab_tests_5 CHECK (char_length(salt) <= 32),
    traffic_bp      integer       NOT NULL DEFAULT 10000
        CONSTRAINT ck_ab_tests_6 CHECK (traffic_bp BETWEEN 0 AND 10000),
    variants        jsonb         NOT NULL DEFAULT '[]'
        CONSTRAINT ck_ab_tests_7 CHECK (jsonb_typeof(variants) = 'array'),
    goal_kind       text          NOT NULL DEFAULT 'proportion'
        CONSTRAINT ck_ab_tests_8 CHECK (goal_kind IN ('proportion', 'mean')),
    goal_event      text          NOT NULL CONSTRAINT ck_ab_tests_9 CHECK (char_length(goal_event) <= 64),
    secondary_goals text[]        NOT NULL DEFAULT '{}',
    min_per_variant integer       NOT NULL DEFAULT 1000
        CONSTRAINT ck_ab_tests_10 CHECK (min_per_variant BETWEEN 30 AND 10000000),
    min_hours       integer       NOT NULL DEFAULT 168
        CONSTRAINT ck_ab_tests_11 CHECK (min_hours BETWEEN 1 AND 8760),
    confidence      numeric(4, 3) NOT NULL DEFAULT 0.95,
    auto_winner     boolean       NOT NULL DEFAULT false,
    status          text          NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_ab_tests_12 CHECK (status IN ('draft', 'running', 'paused', 'completed', 'canceled')),
    winner_key      text CONSTRAINT ck_ab_tests_13 CHECK (char_length(winner_key) <= 32),
    decision        jsonb         NOT NULL DEFAULT '{}'
        CONSTRAINT ck_ab_tests_14 CHECK (jsonb_typeof(decision) = 'object'),
    decided_by      uuid,
    decided_at      timestamptz,
    started_at      timestamptz,
    paused_at       timestamptz,
    ended_at        timestamptz,
    created_by      uuid,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    updated_at      timestamptz   NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    lock_version    integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_ab_tests_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_ab_tests_15 CHECK (app.valid_ab_variants(variants)),
    CONSTRAINT ck_ab_tests_16 CHECK (confidence BETWEEN 0.8 AND 0.999),
    CONSTRAINT ck_ab_tests_17 CHECK (winner_key IS NULL OR status = 'completed'),
    CONSTRAINT fk_ab_tests_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_ab_tests_bot_id FOREIGN KEY (organization_id, bot_id)
        REFERENCES bots (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_ab_tests_decided_by FOREIGN KEY (decided_by)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_ab_tests_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE ab_tests IS 'an experiment: variants, allocation, goal, decision';

CREATE UNIQUE INDEX uq_ab_tests_2 ON ab_tests (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_ab_tests_3 ON ab_tests (target_type, target_id)
    WHERE status IN ('running', 'paused') AND deleted_at IS NULL;
CREATE INDEX ix_ab_tests_1 ON ab_tests (organization_id, status, created_at DESC) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_ab_tests_2 ON ab_tests (organization_id, bot_id);

CREATE TRIGGER touch BEFORE UPDATE ON ab_tests
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE ab_test_results (
    id                 uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid             NOT NULL,
    ab_test_id         uuid             NOT NULL,
    subject_key        text             NOT NULL
        CONSTRAINT ck_ab_test_results_1 CHECK (char_length(subject_key) <= 128),
    variant_key        text             NOT NULL
        CONSTRAINT ck_ab_test_results_2 CHECK (char_length(variant_key) <= 32),
    contact_id         uuid,
    forced             boolean          NOT NULL DEFAULT false,
    assigned_at        timestamptz      NOT NULL DEFAULT now(),
    first_exposed_at   timestamptz,
    exposure_count     integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_ab_test_results_3 CHECK (exposure_count >= 0),
    first_converted_at timestamptz,
    conversion_count   integer          NOT NULL DEFAULT 0
        CONSTRAINT ck_ab_test_results_4 CHECK (conversion_count >= 0),
    value              bigint           NOT NULL DEFAULT 0 CONSTRAINT ck_ab_test_results_5 CHECK (value >= 0),
    currency           text CONSTRAINT ck_ab_test_results_6 CHECK (currency ~ '^[A-Z]{3}$'),
    metric_n           integer          NOT NULL DEFAULT 0 CONSTRAINT ck_ab_test_results_7 CHECK (metric_n >= 0),
    metric_sum         double precision NOT NULL DEFAULT 0,
    metric_sum_sq      double precision NOT NULL DEFAULT 0,
    metadata           jsonb            NOT NULL DEFAULT '{}'
        CONSTRAINT ck_ab_test_results_8 CHECK (jsonb_typeof(metadata) = 'object'),
    created_at         timestamptz      NOT NULL DEFAULT now(),
    updated_at         timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_ab_test_results_1 UNIQUE (ab_test_id, subject_key),
    CONSTRAINT ck_ab_test_results_9 CHECK (first_converted_at IS NULL OR first_exposed_at IS NOT NULL),
    CONSTRAINT fk_ab_test_results_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_ab_test_results_ab_test_id FOREIGN KEY (organization_id, ab_test_id)
        REFERENCES ab_tests (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_ab_test_results_contact_id FOREIGN KEY (organization_id, contact_id)
        REFERENCES channel_contacts (organization_id, id) ON DELETE SET NULL (contact_id)
);
COMMENT ON TABLE ab_test_results IS 'one row per experiment subject: assignment, exposure, conversion and metric sums';

CREATE INDEX ix_ab_test_results_1 ON ab_test_results (organization_id, ab_test_id, variant_key)
    WHERE first_exposed_at IS NOT NULL AND NOT forced;
-- for foreign keys that no index above serves
CREATE INDEX ix_ab_test_results_2 ON ab_test_results (organization_id, contact_id);

CREATE TRIGGER touch BEFORE UPDATE ON ab_test_results
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
