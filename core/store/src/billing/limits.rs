//! What of a plan is counted by the month or by size: how much there may be, and how much there is.

use chrono::{DateTime, Utc};

use crate::{Error, OrgScope, Tx};

/// How much there may be, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The most; none for as much as one likes.
    pub limit: Option<i64>,
    /// What there is.
    pub used: i64,
}

/// Messages sent in this month (UTC), as far as they are metered: the last minute or two are not yet.
#[tracing::instrument(level = "debug", name = "store.limits.messages", skip_all)]
pub async fn messages(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>) -> Result<Measured, Error> {
    Ok(sqlx::query_as!(
        Measured,
        r#"
        SELECT app.plan_limit($1, 'messages_month') AS limit,
               app.usage_total($1, 'message_out', date_trunc('month', $2::timestamptz, 'UTC'),
                               $2::timestamptz + interval '1 minute') AS "used!"
        "#,
        scope.org().uuid(),
        now,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Bytes of the documents of knowledge bases. Two uploads at once wait for each other, so that they cannot both take
/// the last room.
#[tracing::instrument(level = "debug", name = "store.limits.storage", skip_all)]
pub async fn storage(tx: &mut Tx, scope: &OrgScope) -> Result<Measured, Error> {
    let name = format!("limits.storage:{}", scope.org());
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
        .execute(&mut *tx.inner)
        .await?;
    Ok(sqlx::query_as!(
        Measured,
        r#"
        SELECT app.plan_limit($1, 'storage_byte') AS limit,
               (SELECT coalesce(sum(d.size_bytes), 0)::bigint FROM documents d
                WHERE d.organization_id = $1 AND d.deleted_at IS NULL) AS "used!"
        "#,
        scope.org().uuid(),
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
