//! Limits of plans that fill by themselves, and how full they are. What is made by hand (bots, channels, seats) is
//! refused where it is made and needs no notice.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::limits::Measured;
use crate::{Error, OrgScope, Tx};

/// A limit, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its name among the limits of a plan.
    pub limit: String,
    /// The most, and what there is; in the limit's own unit.
    pub measured: Measured,
}

/// Active organizations behind `after`, in the order of their ids. Needs [`crate::Store::begin_admin`].
#[tracing::instrument(level = "debug", name = "store.notices.organizations", skip_all)]
pub async fn organizations(tx: &mut Tx, after: Option<OrgId>, most: i64) -> Result<Vec<OrgId>, Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT id FROM organizations
        WHERE status = 'active' AND deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2
        "#,
        after.map(OrgId::uuid) as Option<Uuid>,
        most
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(found.into_iter().map(OrgId::new).collect())
}

/// The limits of an organization that there are, in this month (UTC) where they are counted by the month. What is
/// metered comes a minute or two late.
#[tracing::instrument(level = "debug", name = "store.notices.used", skip_all)]
pub async fn used(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>) -> Result<Vec<Used>, Error> {
    let rows = sqlx::query!(
        r#"
        WITH plan AS (SELECT app.effective_limits($1) AS limits,
                             date_trunc('month', $2::timestamptz, 'UTC') AS month,
                             $2::timestamptz + interval '1 minute' AS until)
        SELECT row.name AS "name!", (plan.limits ->> row.name)::bigint AS "most!", row.used AS "used!"
        FROM plan CROSS JOIN LATERAL (VALUES
            ('messages_month', app.usage_total($1, 'message_out', plan.month, plan.until)),
            ('model_tokens_month', app.usage_total($1, 'model_token', plan.month, plan.until)),
            ('voice_minutes_month', app.usage_total($1, 'voice_second', plan.month, plan.until) / 60),
            ('storage_mb', (SELECT coalesce(sum(d.size_bytes), 0)::bigint / 1048576 FROM documents d
                            WHERE d.organization_id = $1 AND d.deleted_at IS NULL))
        ) AS row(name, used)
        WHERE (plan.limits ->> row.name)::bigint > 0
        "#,
        scope.org().uuid(),
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let used = |limit, most, used| Used { limit, measured: Measured { limit: Some(most), used } };
    Ok(rows.into_iter().map(|row| used(row.name, row.most, row.used)).collect())
}
