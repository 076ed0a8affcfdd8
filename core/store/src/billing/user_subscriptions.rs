//! `user_subscriptions`: the organization's subscription and the user who pays for it.

use serde_json::Value;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "user_subscriptions",
    columns: &[
        Column::uuid("id"),
        Column::uuid("user_id"),
        Column::uuid("plan_id"),
        Column::uuid("pending_plan_id").nullable(),
        Column::choice(
            "status",
            &["trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete"],
        ),
        Column::choice("billing_cycle", &["monthly", "yearly"]),
        Column::integer("seats", 1, 100_000),
        Column::integer("unit_amount", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::text("stripe_subscription_id", 64).nullable(),
        Column::object("limits_override"),
        Column::instant("trial_ends_at").nullable(),
        Column::instant("current_period_start"),
        Column::instant("current_period_end"),
        Column::boolean("cancel_at_period_end"),
        Column::instant("canceled_at").nullable(),
        Column::instant("grace_until").nullable(),
        Column::instant("provider_synced_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id"],
    rules: &[
        Rule::new(
            "ck_user_subscriptions_8",
            "current_period_end",
            "must keep to: current_period_end > current_period_start",
        ),
        Rule::new(
            "ck_user_subscriptions_9",
            "limits_override",
            "has an unknown key, or a value of a wrong type",
        ),
        Rule::new(
            "uq_user_subscriptions_3",
            "stripe_subscription_id",
            "is taken: there is one like it already",
        ),
    ],
    ..Table::PLAIN
};

/// The organization's plan: its subscription (null where the free plan holds), the limits in force and what is there
/// of what they limit.
#[tracing::instrument(level = "debug", name = "store.user_subscriptions.plan", skip_all)]
pub async fn plan(tx: &mut Tx, scope: &OrgScope) -> Result<Value, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object(
            'subscription', (SELECT to_jsonb(v) - 'organization_id' FROM user_subscription_details v
                             WHERE v.organization_id = $1),
            'limits', app.effective_limits($1),
            'present', jsonb_build_object(
                'bots', (SELECT count(*) FROM bots WHERE organization_id = $1 AND deleted_at IS NULL),
                'channels', (SELECT count(*) FROM channels
                             WHERE organization_id = $1 AND deleted_at IS NULL AND status <> 'disconnected'),
                'seats', (SELECT count(*) FROM organization_members
                          WHERE organization_id = $1 AND status <> 'removed'),
                'knowledge_bases', (SELECT count(*) FROM knowledge_bases
                                    WHERE organization_id = $1 AND deleted_at IS NULL),
                'campaigns', (SELECT count(*) FROM recovery_campaigns
                              WHERE organization_id = $1 AND deleted_at IS NULL AND status <> 'archived')
            )
        ) AS "plan!"
        "#,
        scope.org().uuid(),
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
