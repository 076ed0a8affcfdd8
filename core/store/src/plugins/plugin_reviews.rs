//! `plugin_reviews`: a rating by a member of an organization that has the plugin installed.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Rule, Table, Tenancy},
};

/// How long it is remembered who found a review helpful.
const VOICES_KEPT: TimeDelta = TimeDelta::days(3_650);

/// The table.
pub static TABLE: Table = Table {
    name: "plugin_reviews",
    parent: Some(Parent { column: "plugin_id", table: &super::plugins::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("plugin_id"),
        Column::uuid("version_id").nullable().once(),
        Column::uuid("user_id"),
        Column::integer("rating", 1, 5).taken().required(),
        Column::text("title", 120).nullable().taken(),
        Column::text("body", 4000).nullable().taken(),
        Column::choice("status", &["visible", "hidden", "flagged"]),
        Column::integer("helpful_count", 0, 2_147_483_647),
        Column::text("reply", 2000).nullable(),
        Column::uuid("replied_by").nullable(),
        Column::instant("replied_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[Rule::new("uq_plugin_reviews_1", "user_id", "is taken: there is one like it already")],
    // What is visible is read by everybody; the policies leave only the own ones to be changed.
    tenancy: Tenancy::Policy,
};

/// Takes somebody's one voice on a review; false if it was given before.
#[tracing::instrument(level = "debug", name = "store.plugin_reviews.take_voice", skip_all)]
pub async fn take_voice(
    tx: &mut Tx,
    scope: &OrgScope,
    review: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let taken = sqlx::query!(
        "INSERT INTO dedupe_keys (organization_id, scope, key, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (scope, key) DO NOTHING",
        scope.org().uuid(),
        format!("review:{review}"),
        user.to_string(),
        now + VOICES_KEPT,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Counts that somebody finds a review helpful, whoever wrote it; false if nobody can see such a review.
#[tracing::instrument(level = "debug", name = "store.plugin_reviews.helpful", skip_all)]
pub async fn helpful(tx: &mut Tx, review: Uuid) -> Result<bool, Error> {
    let query = sqlx::query_scalar!(r#"SELECT app.review_is_helpful($1) AS "done!""#, review);
    Ok(query.fetch_one(&mut *tx.inner).await?)
}

/// Takes a review out of sight until somebody of the platform has looked at it; false if nobody can see it.
#[tracing::instrument(level = "debug", name = "store.plugin_reviews.report", skip_all)]
pub async fn report(tx: &mut Tx, review: Uuid) -> Result<bool, Error> {
    let query = sqlx::query_scalar!(r#"SELECT app.report_review($1) AS "done!""#, review);
    Ok(query.fetch_one(&mut *tx.inner).await?)
}

/// Writes what the publisher answers to a review, or takes it away; false if the plugin is another organization's, or
/// nobody can see the review.
#[tracing::instrument(level = "debug", name = "store.plugin_reviews.reply", skip_all)]
pub async fn reply(tx: &mut Tx, review: Uuid, text: Option<&str>, by: Option<Uuid>) -> Result<bool, Error> {
    let query = sqlx::query_scalar!(r#"SELECT app.reply_to_review($1, $2, $3) AS "done!""#, review, text, by);
    Ok(query.fetch_one(&mut *tx.inner).await?)
}
