//! What was counted of experiments.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// What was counted of a variant.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The variant.
    pub variant: String,
    /// Subjects that were shown it.
    pub exposed: i64,
    /// Those of them that reached the goal.
    pub converted: i64,
    /// Measured values.
    pub n: i64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_sq: f64,
}

/// What was counted of an experiment. Subjects that were put into a variant by hand do not count.
#[tracing::instrument(level = "debug", name = "store.experiments.counts", skip_all)]
pub async fn counts(tx: &mut Tx, scope: &OrgScope, experiment: Uuid) -> Result<Vec<Counted>, Error> {
    Ok(sqlx::query_as!(
        Counted,
        r#"
        SELECT variant_key AS variant, count(*) AS "exposed!", count(first_converted_at) AS "converted!",
               coalesce(sum(metric_n), 0)::bigint AS "n!", coalesce(sum(metric_sum), 0) AS "sum!",
               coalesce(sum(metric_sum_sq), 0) AS "sum_sq!"
        FROM ab_test_results
        WHERE organization_id = $1 AND ab_test_id = $2 AND first_exposed_at IS NOT NULL AND NOT forced
        GROUP BY variant_key
        "#,
        scope.org().uuid(),
        experiment,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// How many subjects of each variant reached each secondary goal: the variant, the goal, the number. Those that were put
/// into a variant by hand do not count.
#[tracing::instrument(level = "debug", name = "store.experiments.secondary", skip_all)]
pub async fn secondary(
    tx: &mut Tx,
    scope: &OrgScope,
    experiment: Uuid,
) -> Result<Vec<(String, String, i64)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT r.variant_key, g.goal AS "goal!", count(*) AS "reached!"
        FROM ab_test_results r CROSS JOIN LATERAL jsonb_object_keys(coalesce(r.metadata -> 'goals', '{}')) AS g(goal)
        WHERE r.organization_id = $1 AND r.ab_test_id = $2 AND r.first_exposed_at IS NOT NULL AND NOT r.forced
        GROUP BY r.variant_key, g.goal
        "#,
        scope.org().uuid(),
        experiment,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.variant_key, row.goal, row.reached)).collect())
}

/// What happened to the subjects of a variant in an hour or a day.
#[derive(Debug, Clone)]
pub struct Step {
    /// When it began.
    pub since: DateTime<Utc>,
    /// The variant.
    pub variant: String,
    /// Subjects that were shown it for the first time then.
    pub exposed: i64,
    /// Subjects that reached the goal for the first time then.
    pub converted: i64,
}

/// What happened to an experiment's subjects, by the hour or the day, in order of time and variant. Those that were put
/// into a variant by hand do not count.
#[tracing::instrument(level = "debug", name = "store.experiments.timeline", skip_all)]
pub async fn timeline(
    tx: &mut Tx,
    scope: &OrgScope,
    experiment: Uuid,
    by_hour: bool,
) -> Result<Vec<Step>, Error> {
    Ok(sqlx::query_as!(
        Step,
        r#"
        SELECT date_trunc($3, happened.at, 'UTC') AS "since!", happened.variant AS "variant!",
               sum(happened.exposed)::bigint AS "exposed!", sum(happened.converted)::bigint AS "converted!"
        FROM (
            SELECT first_exposed_at AS at, variant_key AS variant, 1 AS exposed, 0 AS converted FROM ab_test_results
            WHERE organization_id = $1 AND ab_test_id = $2 AND first_exposed_at IS NOT NULL AND NOT forced
            UNION ALL
            SELECT first_converted_at, variant_key, 0, 1 FROM ab_test_results
            WHERE organization_id = $1 AND ab_test_id = $2 AND first_exposed_at IS NOT NULL
              AND first_converted_at IS NOT NULL AND NOT forced
        ) happened
        GROUP BY 1, 2 ORDER BY 1, 2
        "#,
        scope.org().uuid(),
        experiment,
        if by_hour { "hour" } else { "day" },
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
