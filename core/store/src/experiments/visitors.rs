//! Experiments whose subjects are visitors of a site.

use botbuilder_domain::BotId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Running;
use crate::{Error, OrgScope, Tx};

/// The experiments that are running and whose subjects are visitors of a site: those of a bot, and those of no bot.
#[tracing::instrument(level = "debug", name = "store.experiments.running_for_visitors", skip_all)]
pub async fn running_for_visitors(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Running>, Error> {
    Ok(sqlx::query_as!(
        Running,
        r#"
        SELECT id, salt, traffic_bp, variants, goal_event, secondary_goals, unit, target_type, target_id FROM ab_tests
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
    let noted = sqlx::query!(
        r#"
        WITH told AS (
            SELECT subject, jsonb_object_agg(goal, to_jsonb($5::timestamptz)) AS goals, array_agg(goal) AS names
            FROM unnest($3::text[], $4::text[]) AS u(subject, goal) GROUP BY subject
        ), held AS (
            SELECT r.id, (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(g.goals) e
                          WHERE e.key = ANY (t.secondary_goals)) AS goals
            FROM told g
            JOIN ab_tests t ON t.organization_id = $1 AND t.secondary_goals && g.names AND t.status = 'running'
                 AND t.unit = 'visitor' AND (t.bot_id = $2 OR t.bot_id IS NULL) AND t.deleted_at IS NULL
            JOIN ab_test_results r ON r.organization_id = $1 AND r.ab_test_id = t.id AND r.subject_key = g.subject
            WHERE r.first_exposed_at <= $5
            ORDER BY r.ab_test_id, r.subject_key FOR UPDATE OF r
        )
        UPDATE ab_test_results r
        SET metadata = jsonb_set(r.metadata, '{goals}', h.goals || coalesce(r.metadata -> 'goals', '{}'))
        FROM held h WHERE r.organization_id = $1 AND r.id = h.id
        "#,
        scope.org().uuid(),
        bot.uuid(),
        &subjects as &[&str],
        &goals as &[&str],
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() + noted.rows_affected())
}
