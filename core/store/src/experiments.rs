//! Experiments while they run: who was shown what, who reached the goal, and the counts of it (`ab_test_results`).

use botbuilder_domain::{BotId, ContactId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// An experiment that is running.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its id.
    pub id: Uuid,
    /// Spreads contacts over the variants.
    pub salt: String,
    /// How many of 10 000 contacts take part.
    pub traffic_bp: i32,
    /// The variants, as they are stored.
    pub variants: Value,
    /// What counts as success.
    pub goal_event: String,
    /// What the variants are variants of: `message`, `flow` …
    pub target_type: String,
    /// Which.
    pub target_id: Option<Uuid>,
}

/// The experiments of a bot that are running and whose subjects are contacts.
#[tracing::instrument(level = "debug", name = "store.experiments.running", skip_all)]
pub async fn running(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Running>, Error> {
    Ok(sqlx::query_as!(
        Running,
        r#"
        SELECT id, salt, traffic_bp, variants, goal_event, target_type, target_id FROM ab_tests
        WHERE organization_id = $1 AND bot_id = $2 AND status = 'running' AND unit = 'contact'
          AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A variant that a contact was shown.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The id of its row, if it is the first.
    pub id: Uuid,
    /// The experiment.
    pub experiment: Uuid,
    /// The contact.
    pub contact: ContactId,
    /// The variant.
    pub variant: String,
}

/// Counts an exposure. A contact stays with the variant that it was shown first.
#[tracing::instrument(level = "debug", name = "store.experiments.expose", skip_all)]
pub async fn expose(
    tx: &mut Tx,
    scope: &OrgScope,
    exposure: &Exposure,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO ab_test_results AS r
            (id, organization_id, ab_test_id, subject_key, variant_key, contact_id, assigned_at, first_exposed_at,
             exposure_count)
        SELECT $2, $1, t.id, $4::uuid::text, $5, $4, $6::timestamptz, $6, 1 FROM ab_tests t
        WHERE t.organization_id = $1 AND t.id = $3 AND t.status = 'running'
        ON CONFLICT (ab_test_id, subject_key) DO UPDATE SET
            exposure_count = r.exposure_count + 1, first_exposed_at = coalesce(r.first_exposed_at, $6)
        "#,
        scope.org().uuid(),
        exposure.id,
        exposure.experiment,
        exposure.contact.uuid(),
        exposure.variant,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A contact that reached the goal of an experiment.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The contact.
    pub contact: ContactId,
    /// The goal.
    pub goal: String,
    /// What was measured.
    pub value: Option<f64>,
}

/// Counts it for every running experiment with this goal that the contact was shown before.
#[tracing::instrument(level = "debug", name = "store.experiments.convert", skip_all)]
pub async fn convert(
    tx: &mut Tx,
    scope: &OrgScope,
    conversion: &Conversion,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE ab_test_results r SET
            first_converted_at = coalesce(r.first_converted_at, $5::timestamptz),
            conversion_count = r.conversion_count + 1,
            metric_n = r.metric_n + CASE WHEN $4::float8 IS NULL THEN 0 ELSE 1 END,
            metric_sum = r.metric_sum + coalesce($4, 0),
            metric_sum_sq = r.metric_sum_sq + coalesce($4 * $4, 0)
        FROM ab_tests t
        WHERE r.organization_id = $1 AND t.organization_id = $1 AND t.id = r.ab_test_id AND t.status = 'running'
          AND t.goal_event = $3 AND r.subject_key = $2::uuid::text AND r.first_exposed_at <= $5
        "#,
        scope.org().uuid(),
        conversion.contact.uuid(),
        conversion.goal,
        conversion.value,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The experiments that are running and whose subjects are visitors of a site: those of a bot, and those of no bot.
#[tracing::instrument(level = "debug", name = "store.experiments.running_for_visitors", skip_all)]
pub async fn running_for_visitors(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Running>, Error> {
    Ok(sqlx::query_as!(
        Running,
        r#"
        SELECT id, salt, traffic_bp, variants, goal_event, target_type, target_id FROM ab_tests
        WHERE organization_id = $1 AND (bot_id = $2 OR bot_id IS NULL) AND status = 'running' AND unit = 'visitor'
          AND deleted_at IS NULL
        ORDER BY id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A variant that a visitor was shown, so many times.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The id of its row, if it is the first.
    pub id: Uuid,
    /// The experiment.
    pub experiment: Uuid,
    /// The visitor, as the site calls it.
    pub subject: String,
    /// The variant.
    pub variant: String,
    /// How often.
    pub times: i32,
}

/// Counts what visitors were shown, each visitor of an experiment once in `shown`. A visitor stays with the variant that
/// was shown first.
#[tracing::instrument(level = "debug", name = "store.experiments.expose_visitors", skip_all)]
pub async fn expose_visitors(
    tx: &mut Tx,
    scope: &OrgScope,
    shown: &[Shown],
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let ids: Vec<Uuid> = shown.iter().map(|shown| shown.id).collect();
    let experiments: Vec<Uuid> = shown.iter().map(|shown| shown.experiment).collect();
    let subjects: Vec<&str> = shown.iter().map(|shown| shown.subject.as_str()).collect();
    let variants: Vec<&str> = shown.iter().map(|shown| shown.variant.as_str()).collect();
    let times: Vec<i32> = shown.iter().map(|shown| shown.times).collect();
    let done = sqlx::query!(
        r#"
        INSERT INTO ab_test_results AS r
            (id, organization_id, ab_test_id, subject_key, variant_key, assigned_at, first_exposed_at, exposure_count)
        SELECT s.id, $1, t.id, s.subject, s.variant, $7::timestamptz, $7, s.times
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[])
                 AS s(id, experiment, subject, variant, times)
        JOIN ab_tests t ON t.organization_id = $1 AND t.id = s.experiment
        WHERE t.status = 'running' AND t.unit = 'visitor'
        -- A fixed order, so that two calls about the same visitors wait for each other instead of for a deadlock.
        ORDER BY t.id, s.subject
        ON CONFLICT (ab_test_id, subject_key) DO UPDATE SET
            exposure_count = r.exposure_count + excluded.exposure_count,
            first_exposed_at = coalesce(r.first_exposed_at, excluded.first_exposed_at)
        "#,
        scope.org().uuid(),
        &ids,
        &experiments,
        &subjects as &[&str],
        &variants as &[&str],
        &times,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// A visitor that reached a goal.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The visitor, as the site calls it.
    pub subject: String,
    /// The goal.
    pub goal: String,
    /// What was measured.
    pub value: Option<f64>,
}

/// Counts it for every running experiment of visitors, of this bot or of none, with that goal, which the visitor was shown
/// before. Says how many rows were counted in.
#[tracing::instrument(level = "debug", name = "store.experiments.convert_visitors", skip_all)]
pub async fn convert_visitors(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    reached: &[Reached],
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let subjects: Vec<&str> = reached.iter().map(|reached| reached.subject.as_str()).collect();
    let goals: Vec<&str> = reached.iter().map(|reached| reached.goal.as_str()).collect();
    let values: Vec<Option<f64>> = reached.iter().map(|reached| reached.value).collect();
    let done = sqlx::query!(
        r#"
        WITH told AS (
            SELECT subject, goal, count(*)::int AS times, count(value)::int AS n, coalesce(sum(value), 0) AS sum,
                   coalesce(sum(value * value), 0) AS sum_sq
            FROM unnest($3::text[], $4::text[], $5::float8[]) AS u(subject, goal, value)
            GROUP BY subject, goal
        ), held AS (
            SELECT r.id, g.times, g.n, g.sum, g.sum_sq
            FROM told g
            JOIN ab_tests t ON t.organization_id = $1 AND t.goal_event = g.goal AND t.status = 'running'
                 AND t.unit = 'visitor' AND (t.bot_id = $2 OR t.bot_id IS NULL) AND t.deleted_at IS NULL
            JOIN ab_test_results r ON r.organization_id = $1 AND r.ab_test_id = t.id AND r.subject_key = g.subject
            WHERE r.first_exposed_at <= $6::timestamptz
            ORDER BY r.ab_test_id, r.subject_key FOR UPDATE OF r
        )
        UPDATE ab_test_results r SET
            first_converted_at = coalesce(r.first_converted_at, $6::timestamptz),
            conversion_count = r.conversion_count + h.times, metric_n = r.metric_n + h.n,
            metric_sum = r.metric_sum + h.sum, metric_sum_sq = r.metric_sum_sq + h.sum_sq
        FROM held h WHERE r.organization_id = $1 AND r.id = h.id
        "#,
        scope.org().uuid(),
        bot.uuid(),
        &subjects as &[&str],
        &goals as &[&str],
        &values as &[Option<f64>],
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

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
