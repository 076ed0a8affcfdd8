//! The plan catalogue as platform staff keep it.

use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// A plan: what is none stays, and takes its default in a new one.
#[derive(Debug, Clone, Default)]
pub struct Plan<'a> {
    /// How people call it.
    pub name: Option<&'a str>,
    /// What it is for.
    pub description: Option<&'a str>,
    /// ISO 4217.
    pub currency: Option<&'a str>,
    /// In minor units.
    pub price_monthly: Option<i64>,
    /// In minor units.
    pub price_yearly: Option<i64>,
    /// What it allows: an object; null in it is unlimited.
    pub limits: Option<&'a Value>,
    /// What it can: an object.
    pub features: Option<&'a Value>,
    /// Whether everybody sees it.
    pub is_public: Option<bool>,
    /// Whether it can be taken.
    pub is_active: Option<bool>,
    /// Its place in the list.
    pub sort_order: Option<i32>,
}

/// The plans, the latest first. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.platform.plans.list", skip_all)]
pub async fn list(tx: &mut Tx, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(p) || jsonb_build_object('subscriptions', (
                   SELECT count(*) FROM user_subscriptions s WHERE s.plan_id = p.id AND s.status <> 'canceled')) AS "row!"
        FROM subscription_plans p WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2
        "#,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Makes a plan. A code that is taken is a conflict with `uq_subscription_plans_1`, limits with an unknown key are one
/// with `ck_subscription_plans_13`.
#[tracing::instrument(level = "debug", name = "store.platform.plans.insert", skip_all)]
pub async fn insert(tx: &mut Tx, id: Uuid, code: &str, plan: &Plan<'_>) -> Result<Value, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        INSERT INTO subscription_plans AS p
            (id, code, name, description, currency, price_monthly, price_yearly, limits, features, is_public, is_active,
             sort_order)
        VALUES ($1, $2, coalesce($3, $2), $4, coalesce($5, 'USD'), coalesce($6::bigint, 0), $7::bigint, coalesce($8::jsonb, '{}'),
                coalesce($9::jsonb, '{}'), coalesce($10, false), coalesce($11, true), coalesce($12::integer, 0))
        RETURNING to_jsonb(p) AS "row!"
        "#,
        id,
        code,
        plan.name,
        plan.description,
        plan.currency,
        plan.price_monthly,
        plan.price_yearly,
        plan.limits,
        plan.features,
        plan.is_public,
        plan.is_active,
        plan.sort_order,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Changes a plan: what is none stays. None where there is no such.
#[tracing::instrument(level = "debug", name = "store.platform.plans.update", skip_all)]
pub async fn update(tx: &mut Tx, id: Uuid, plan: &Plan<'_>) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        UPDATE subscription_plans p
        SET name = coalesce($2, name), description = coalesce($3, description), currency = coalesce($4, currency),
            price_monthly = coalesce($5, price_monthly), price_yearly = coalesce($6, price_yearly),
            limits = coalesce($7, limits), features = coalesce($8, features), is_public = coalesce($9, is_public),
            is_active = coalesce($10, is_active), sort_order = coalesce($11, sort_order)
        WHERE id = $1 RETURNING to_jsonb(p) AS "row!"
        "#,
        id,
        plan.name,
        plan.description,
        plan.currency,
        plan.price_monthly,
        plan.price_yearly,
        plan.limits,
        plan.features,
        plan.is_public,
        plan.is_active,
        plan.sort_order,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
