//! `usage_tracking`: metered usage, pre-aggregated per minute before it is written.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "usage_tracking",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable(),
        Column::uuid("api_token_id").nullable(),
        Column::choice(
            "metric",
            &[
                "message_in",
                "message_out",
                "api_call",
                "model_token",
                "embedding_token",
                "voice_second",
                "storage_byte",
                "active_contact",
                "workflow_run",
                "webhook_delivery",
                "email_sent",
            ],
        ),
        Column::integer("quantity", 0, i64::MAX),
        Column::integer("unit_cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::object("dimensions"),
        Column::instant("window_start"),
        Column::text("source_key", 160),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};

/// What was used in each month so far, against the plan: rows of the view `user_usage_summary`, newest month first.
#[tracing::instrument(level = "debug", name = "store.usage_tracking.summary", skip_all)]
pub async fn summary(tx: &mut Tx, scope: &OrgScope) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(v) - 'organization_id' AS "row!" FROM user_usage_summary v
        WHERE v.organization_id = $1 ORDER BY v.month DESC, v.metric LIMIT 200
        "#,
        scope.org().uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// What was used of a metric, or of all, on each day between two instants.
#[tracing::instrument(level = "debug", name = "store.usage_tracking.timeline", skip_all)]
pub async fn timeline(
    tx: &mut Tx,
    scope: &OrgScope,
    metric: Option<&str>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('day', d.day, 'metric', d.metric, 'quantity', d.quantity) AS "row!" FROM (
            SELECT date_trunc('day', window_start, 'UTC') AS day, metric, sum(quantity)::bigint AS quantity
            FROM usage_tracking
            WHERE organization_id = $1 AND ($2::text IS NULL OR metric = $2)
              AND window_start >= $3 AND window_start < $4 AND created_at >= $3
            GROUP BY 1, 2
        ) d ORDER BY d.day, d.metric
        "#,
        scope.org().uuid(),
        metric,
        from,
        to,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// What was used by each bot and token between two instants.
#[tracing::instrument(level = "debug", name = "store.usage_tracking.breakdown", skip_all)]
pub async fn breakdown(
    tx: &mut Tx,
    scope: &OrgScope,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(d) AS "row!" FROM (
            SELECT metric, bot_id, api_token_id, sum(quantity)::bigint AS quantity
            FROM usage_tracking
            WHERE organization_id = $1 AND window_start >= $2 AND window_start < $3 AND created_at >= $2
            GROUP BY 1, 2, 3
        ) d ORDER BY d.metric, d.quantity DESC LIMIT 1000
        "#,
        scope.org().uuid(),
        from,
        to,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
