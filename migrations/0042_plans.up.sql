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

-- What a plan allows, for whoever must decide it. They take an organization as argument, since an invitation is
-- accepted before its tenant is entered; app.may_act_for keeps a tenant to its own.
SET LOCAL ROLE bb_definer;

-- Without an entitled subscription (none, unpaid, past the grace period) the limits of the free plan hold.
CREATE FUNCTION app.effective_limits(org uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    limits jsonb;
BEGIN
    IF org IS NULL OR NOT app.may_act_for(org) THEN
        RAISE EXCEPTION 'not the plan of this organization' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT p.limits || s.limits_override INTO limits
      FROM user_subscriptions s
      JOIN subscription_plans p ON p.id = s.plan_id
     WHERE s.organization_id = org
       AND (s.status IN ('trialing', 'active') OR (s.status = 'past_due' AND s.grace_until > now()));
    IF NOT FOUND THEN
        SELECT p.limits INTO limits FROM subscription_plans p WHERE p.code = 'free';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no free plan' USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END IF;
    RETURN limits;
END
$$;
COMMENT ON FUNCTION app.effective_limits(uuid) IS 'limits of an organization''s plan with its own exceptions';

-- metric is a key of the limits, or a metric of usage_tracking, whose limit is then given in its own unit.
CREATE FUNCTION app.plan_limit(org uuid, metric text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    limits constant jsonb := app.effective_limits(org);
BEGIN
    RETURN CASE metric
        WHEN 'message_out' THEN (limits ->> 'messages_month')::bigint
        WHEN 'model_token' THEN (limits ->> 'model_tokens_month')::bigint
        WHEN 'voice_second' THEN (limits ->> 'voice_minutes_month')::bigint * 60
        WHEN 'storage_byte' THEN (limits ->> 'storage_mb')::bigint * 1048576
        WHEN 'active_contact' THEN (limits ->> 'contacts')::bigint
        ELSE (limits ->> metric)::bigint
    END;
END
$$;
COMMENT ON FUNCTION app.plan_limit(uuid, text) IS 'effective limit of an organization, NULL for unlimited';

-- Two requests at once must not both take the last place: the lock holds until the creating transaction ends.
CREATE FUNCTION app.can_create(org uuid, resource text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    most bigint;
    present bigint;
BEGIN
    IF resource NOT IN ('bots', 'channels', 'seats', 'members', 'contacts', 'knowledge_bases', 'campaigns') THEN
        RAISE EXCEPTION 'no limit for %', resource USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Members are the seats already taken; seats also count the invitations still open.
    most := app.plan_limit(org, CASE resource WHEN 'members' THEN 'seats' ELSE resource END);
    IF most IS NULL THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(
        'app.can_create:' || org || CASE resource WHEN 'members' THEN 'seats' ELSE resource END, 0));
    present := CASE resource
        WHEN 'bots' THEN (SELECT count(*) FROM bots b WHERE b.organization_id = org AND b.deleted_at IS NULL)
        WHEN 'channels' THEN (
            SELECT count(*) FROM channels c
             WHERE c.organization_id = org AND c.deleted_at IS NULL AND c.status <> 'disconnected')
        WHEN 'members' THEN (
            SELECT count(*) FROM organization_members m WHERE m.organization_id = org AND m.status <> 'removed')
        WHEN 'seats' THEN (
            SELECT count(*) FROM organization_members m WHERE m.organization_id = org AND m.status <> 'removed') + (
            SELECT count(*) FROM team_invitations i
             WHERE i.organization_id = org AND i.status = 'pending' AND i.expires_at > now())
        WHEN 'contacts' THEN (
            -- Counting no further than needed: there may be millions.
            SELECT count(*) FROM (SELECT FROM channel_contacts c
                                   WHERE c.organization_id = org AND c.deleted_at IS NULL LIMIT most) counted)
        WHEN 'knowledge_bases' THEN (
            SELECT count(*) FROM knowledge_bases k WHERE k.organization_id = org AND k.deleted_at IS NULL)
        WHEN 'campaigns' THEN (
            SELECT count(*) FROM recovery_campaigns r
             WHERE r.organization_id = org AND r.deleted_at IS NULL AND r.status <> 'archived')
    END;
    RETURN present < most;
END
$$;
COMMENT ON FUNCTION app.can_create(uuid, text)
    IS 'whether the plan allows one more; holds the place until the transaction ends';

CREATE FUNCTION app.usage_total(org uuid, metric text, from_instant timestamptz, to_instant timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF org IS NULL OR NOT app.may_act_for(org) THEN
        RAISE EXCEPTION 'not the usage of this organization' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN (SELECT coalesce(sum(u.quantity), 0)
              FROM usage_tracking u
             WHERE u.organization_id = org AND u.metric = usage_total.metric
               AND u.created_at >= from_instant AND u.created_at < to_instant);
END
$$;
COMMENT ON FUNCTION app.usage_total(uuid, text, timestamptz, timestamptz)
    IS 'metered sum of an organization from an instant up to, and without, another';

GRANT EXECUTE ON FUNCTION app.effective_limits(uuid), app.plan_limit(uuid, text), app.can_create(uuid, text),
    app.usage_total(uuid, text, timestamptz, timestamptz) TO bb_app, bb_auth, bb_admin;
SET LOCAL ROLE bb_owner;

RESET ROLE;
