//! Organizations as platform staff see them: one line each, what is there, the plan, and being suspended.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, page::Page};

/// Organizations, the latest first; with `text`, those whose name or short name holds it. Rows are JSON objects with an
/// `id`.
#[tracing::instrument(level = "debug", name = "store.platform.organizations.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    text: Option<&str>,
    status: Option<&str>,
    page: Page,
) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', o.id, 'name', o.name, 'slug', o.slug, 'status', o.status,
                   'owner_email', u.email, 'plan', p.code, 'suspended_reason', o.suspended_reason,
                   'purge_after', o.purge_after, 'created_at', o.created_at, 'lock_version', o.lock_version) AS "row!"
        FROM organizations o JOIN users u ON u.id = o.owner_id
        LEFT JOIN user_subscriptions s ON s.organization_id = o.id AND s.status <> 'canceled'
        LEFT JOIN subscription_plans p ON p.id = s.plan_id
        WHERE o.deleted_at IS NULL AND ($1::text IS NULL OR strpos(lower(o.name || ' ' || o.slug), lower($1)) > 0)
          AND ($2::text IS NULL OR o.status = $2) AND ($3::uuid IS NULL OR o.id < $3)
        ORDER BY o.id DESC LIMIT $4
        "#,
        text,
        status,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One organization: its plan and limits, what there is of what they limit, what was used this month, and which keys seal
/// its secrets (their names only).
#[tracing::instrument(level = "debug", name = "store.platform.organizations.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', o.id, 'name', o.name, 'slug', o.slug, 'status', o.status,
            'owner_id', o.owner_id, 'owner_email', u.email, 'suspended_reason', o.suspended_reason,
            'purge_after', o.purge_after, 'created_at', o.created_at, 'lock_version', o.lock_version,
            'current_key', o.data_keys -> 'current',
            'plan', p.code, 'subscription', to_jsonb(s) - 'organization_id', 'limits', app.effective_limits(o.id),
            'present', jsonb_build_object(
                'members', (SELECT count(*) FROM organization_members m
                            WHERE m.organization_id = o.id AND m.status <> 'removed'),
                'bots', (SELECT count(*) FROM bots b WHERE b.organization_id = o.id AND b.deleted_at IS NULL),
                'channels', (SELECT count(*) FROM channels c
                             WHERE c.organization_id = o.id AND c.deleted_at IS NULL AND c.status <> 'disconnected'),
                'knowledge_bases', (SELECT count(*) FROM knowledge_bases k
                                    WHERE k.organization_id = o.id AND k.deleted_at IS NULL)),
            'used_this_month', coalesce((
                SELECT jsonb_object_agg(x.metric, x.quantity) FROM (
                    SELECT t.metric, sum(t.quantity) AS quantity FROM usage_tracking t
                    WHERE t.organization_id = o.id AND t.created_at >= date_trunc('month', $2::timestamptz, 'UTC')
                    GROUP BY t.metric) x), '{}')) AS "row!"
        FROM organizations o JOIN users u ON u.id = o.owner_id
        LEFT JOIN user_subscriptions s ON s.organization_id = o.id AND s.status <> 'canceled'
        LEFT JOIN subscription_plans p ON p.id = s.plan_id
        WHERE o.id = $1 AND o.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Suspends an organization: nobody of it can act until it is resumed. False where it is not active.
#[tracing::instrument(level = "debug", name = "store.platform.organizations.suspend", skip_all)]
pub async fn suspend(tx: &mut Tx, scope: &OrgScope, reason: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organizations SET status = 'suspended', suspended_reason = $2 WHERE id = $1 AND status = 'active'",
        scope.org().uuid(),
        reason
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets a suspended organization act again. False where it is not suspended.
#[tracing::instrument(level = "debug", name = "store.platform.organizations.resume", skip_all)]
pub async fn resume(tx: &mut Tx, scope: &OrgScope) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organizations SET status = 'active', suspended_reason = NULL WHERE id = $1 AND status = 'suspended'",
        scope.org().uuid()
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A subscription as staff assign it.
#[derive(Debug, Clone)]
pub struct Assigned<'a> {
    /// The row, where there is none yet.
    pub id: Uuid,
    /// The plan.
    pub plan: Uuid,
    /// How many seats are paid for; as it is if none.
    pub seats: Option<i32>,
    /// Limits that differ from the plan's: an object; as they are if none.
    pub limits_override: Option<&'a Value>,
    /// When the period ends.
    pub until: DateTime<Utc>,
}

/// Puts an organization on a plan, now. Its owner pays, where nobody did. Limits with an unknown key are a conflict with
/// `ck_user_subscriptions_9`. None where there is no such organization or plan.
#[tracing::instrument(level = "debug", name = "store.platform.organizations.assign", skip_all)]
pub async fn assign(
    tx: &mut Tx,
    scope: &OrgScope,
    assigned: &Assigned<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Value>, Error> {
    let changed = sqlx::query_scalar!(
        r#"
        UPDATE user_subscriptions s
        SET plan_id = p.id, pending_plan_id = NULL, status = 'active', currency = p.currency,
            seats = coalesce($3, s.seats), limits_override = coalesce($4, s.limits_override),
            unit_amount = p.price_monthly, current_period_start = $5, current_period_end = $6,
            trial_ends_at = NULL, grace_until = NULL, cancel_at_period_end = false
        FROM subscription_plans p
        WHERE s.organization_id = $1 AND s.status <> 'canceled' AND p.id = $2 AND p.is_active
        RETURNING to_jsonb(s) AS "row!"
        "#,
        scope.org().uuid(),
        assigned.plan,
        assigned.seats,
        assigned.limits_override,
        now,
        assigned.until,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    if changed.is_some() {
        return Ok(changed);
    }
    Ok(sqlx::query_scalar!(
        r#"
        INSERT INTO user_subscriptions AS s
            (id, organization_id, user_id, plan_id, currency, unit_amount, seats, limits_override,
             current_period_start, current_period_end)
        SELECT $2, o.id, o.owner_id, p.id, p.currency, p.price_monthly, coalesce($4, 1), coalesce($5::jsonb, '{}'), $6, $7
        FROM organizations o, subscription_plans p
        WHERE o.id = $1 AND o.deleted_at IS NULL AND p.id = $3 AND p.is_active
          AND NOT EXISTS (SELECT FROM user_subscriptions u WHERE u.organization_id = o.id AND u.status <> 'canceled')
        RETURNING to_jsonb(s) AS "row!"
        "#,
        scope.org().uuid(),
        assigned.id,
        assigned.plan,
        assigned.seats,
        assigned.limits_override,
        now,
        assigned.until,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A member of an organization: account, address, name and language of its mails.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub user: Uuid,
    /// Its address.
    pub email: String,
    /// The language of its mails.
    pub locale: String,
    /// Whether it owns the organization.
    pub is_owner: bool,
}

/// The active owners of an organization, and the active member of that account, if it is one.
#[tracing::instrument(level = "debug", name = "store.platform.organizations.people", skip_all)]
pub async fn people(tx: &mut Tx, scope: &OrgScope, user: Option<Uuid>) -> Result<Vec<Member>, Error> {
    Ok(sqlx::query_as!(
        Member,
        r#"
        SELECT u.id AS user, u.email::text AS "email!", u.locale, r.code = 'owner' AS "is_owner!"
        FROM organization_members m JOIN roles r ON r.id = m.role_id
        JOIN users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
        WHERE m.organization_id = $1 AND m.status = 'active' AND (r.code = 'owner' OR u.id = $2)
        ORDER BY u.id = o.owner_id DESC, m.id
        "#,
        scope.org().uuid(),
        user,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
