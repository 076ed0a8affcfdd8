//! Experiments while they run: who was shown what, who reached the goal, and the counts of it (`ab_test_results`).

use botbuilder_domain::{BotId, ContactId, ConversationId, OrgId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

mod counts;
mod visitors;

pub use counts::{Counted, Step, counts, secondary, timeline};
pub use visitors::{Reached, Shown, convert_visitors, expose_visitors, running_for_visitors};

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
    /// What is counted beside it.
    pub secondary_goals: Vec<String>,
    /// Who is shown a variant and counts once: `contact`, `conversation` or `visitor`.
    pub unit: String,
    /// What the variants are variants of: `message`, `flow` …
    pub target_type: String,
    /// Which.
    pub target_id: Option<Uuid>,
}

/// The experiments that are running and whose subjects are contacts or conversations: those of a bot, and those of no bot.
#[tracing::instrument(level = "debug", name = "store.experiments.running", skip_all)]
pub async fn running(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Vec<Running>, Error> {
    Ok(sqlx::query_as!(
        Running,
        r#"
        SELECT id, salt, traffic_bp, variants, goal_event, secondary_goals, unit, target_type, target_id FROM ab_tests
        WHERE organization_id = $1 AND (bot_id = $2 OR bot_id IS NULL) AND status = 'running'
          AND unit IN ('contact', 'conversation') AND deleted_at IS NULL
        ORDER BY id
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A variant that somebody was shown.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The id of its row, if it is the first.
    pub id: Uuid,
    /// The experiment.
    pub experiment: Uuid,
    /// Who counts once: the id of the contact or of the conversation.
    pub subject: Uuid,
    /// The contact.
    pub contact: ContactId,
    /// The variant.
    pub variant: String,
}

/// Counts an exposure. A subject stays with the variant that it was shown first.
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
        SELECT $2, $1, t.id, $4::uuid::text, $5, $7, $6::timestamptz, $6, 1 FROM ab_tests t
        WHERE t.organization_id = $1 AND t.id = $3 AND t.status = 'running'
        ON CONFLICT (ab_test_id, subject_key) DO UPDATE SET
            exposure_count = r.exposure_count + 1, first_exposed_at = coalesce(r.first_exposed_at, $6)
        "#,
        scope.org().uuid(),
        exposure.id,
        exposure.experiment,
        exposure.subject,
        exposure.variant,
        now,
        exposure.contact.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A contact that reached a goal in a conversation.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The contact.
    pub contact: ContactId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The goal.
    pub goal: String,
    /// What was measured.
    pub value: Option<f64>,
}

/// Counts it for every running experiment with this goal that the contact, or the conversation, was shown before. Where it
/// is a secondary goal, that it was reached is noted with the subject (`metadata.goals`).
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
          AND t.goal_event = $3 AND r.first_exposed_at <= $5
          AND r.subject_key = CASE t.unit WHEN 'contact' THEN $2::uuid::text WHEN 'conversation' THEN $6::uuid::text END
        "#,
        scope.org().uuid(),
        conversion.contact.uuid(),
        conversion.goal,
        conversion.value,
        now,
        conversion.conversation.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE ab_test_results r SET metadata = jsonb_set(r.metadata, '{goals}',
            jsonb_build_object($3::text, to_jsonb($4::timestamptz)) || coalesce(r.metadata -> 'goals', '{}'))
        FROM ab_tests t
        WHERE r.organization_id = $1 AND t.organization_id = $1 AND t.id = r.ab_test_id AND t.status = 'running'
          AND $3 = ANY (t.secondary_goals) AND r.first_exposed_at <= $4
          AND NOT coalesce(r.metadata -> 'goals', '{}') ? $3
          AND r.subject_key = CASE t.unit WHEN 'contact' THEN $2::uuid::text WHEN 'conversation' THEN $5::uuid::text END
        "#,
        scope.org().uuid(),
        conversion.contact.uuid(),
        conversion.goal,
        now,
        conversion.conversation.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The experiments that decide by themselves and have run for long enough, across organizations. Needs
/// [`crate::Store::begin_purge`].
#[tracing::instrument(level = "debug", name = "store.experiments.undecided", skip_all)]
pub async fn undecided(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<(OrgId, Uuid)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id FROM ab_tests
        WHERE status = 'running' AND auto_winner AND deleted_at IS NULL
          AND started_at + make_interval(hours => min_hours) <= $1
        ORDER BY id LIMIT $2
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.id)).collect())
}
