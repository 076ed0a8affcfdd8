//! `activity_logs`: the feed of what people did, for people. Written from events, so that no handler can forget it.

use botbuilder_domain::Ids;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, page::Page, system::events::Activity};

/// Writes activities.
#[tracing::instrument(level = "debug", name = "store.activity_logs.insert_many", skip_all)]
pub async fn insert_many(
    tx: &mut Tx,
    scope: &OrgScope,
    activities: &[Activity],
    ids: &dyn Ids,
) -> Result<(), Error> {
    if activities.is_empty() {
        return Ok(());
    }
    let new: Vec<Uuid> = activities.iter().map(|_| ids.next()).collect();
    let users: Vec<Option<Uuid>> = activities.iter().map(|activity| activity.user_id).collect();
    let sources: Vec<&str> = activities.iter().map(|activity| activity.source.as_str()).collect();
    let verbs: Vec<&str> = activities.iter().map(|activity| activity.verb.as_str()).collect();
    let types: Vec<&str> = activities.iter().map(|activity| activity.entity_type.as_str()).collect();
    let entities: Vec<Uuid> = activities.iter().map(|activity| activity.entity_id).collect();
    let changes: Vec<Value> =
        activities.iter().map(|activity| json!({ "fields": activity.fields })).collect();
    let bots: Vec<Option<Uuid>> = activities.iter().map(|activity| activity.bot_id).collect();
    let seen_by: Vec<&str> =
        activities.iter().map(|activity| if activity.for_admins { "admins" } else { "members" }).collect();
    let requests: Vec<Option<Uuid>> = activities.iter().map(|activity| activity.request_id).collect();
    sqlx::query!(
        r#"
        INSERT INTO activity_logs
            (id, organization_id, user_id, source, verb, entity_type, entity_id, changes, request_id, bot_id,
             visibility, created_at)
        SELECT k.id, $1, k.user_id, k.source, k.verb, left(k.type, 64), k.entity, k.changes, k.request, k.bot,
               k.seen_by, app.uuid_v7_ts(k.id)
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::jsonb[], $9::uuid[],
                    $10::uuid[], $11::text[])
             AS k(id, user_id, source, verb, type, entity, changes, request, bot, seen_by)
        "#,
        scope.org().uuid(),
        &new,
        &users as &[Option<Uuid>],
        &sources as &[&str],
        &verbs as &[&str],
        &types as &[&str],
        &entities,
        &changes,
        &requests as &[Option<Uuid>],
        &bots as &[Option<Uuid>],
        &seen_by as &[&str],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// One of them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Done {
    /// Its id.
    pub id: Uuid,
    /// The account.
    pub user_id: Option<Uuid>,
    /// How it was done.
    pub source: String,
    /// What was done.
    pub verb: String,
    /// The kind of thing.
    pub entity_type: String,
    /// The thing.
    pub entity_id: Uuid,
    /// The fields that changed.
    pub changes: Value,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What was done, the latest first; of one kind of thing, or of all; with what only admins see, or without it.
#[tracing::instrument(level = "debug", name = "store.activity_logs.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    entity_type: Option<&str>,
    with_admins: bool,
    page: &Page,
) -> Result<Vec<Done>, Error> {
    Ok(sqlx::query_as!(
        Done,
        r#"
        SELECT id, user_id, source, verb, entity_type, entity_id, changes, created_at FROM activity_logs
        WHERE organization_id = $1 AND ($2::text IS NULL OR entity_type = $2)
          AND ($3::uuid IS NULL OR (created_at, id) < (app.uuid_v7_ts($3), $3))
          AND ($5 OR visibility = 'members')
        ORDER BY created_at DESC, id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        entity_type,
        page.after,
        page.fetch(),
        with_admins,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Members with what they did in the last 30 days: rows of the view `user_activity_summary`.
#[tracing::instrument(level = "debug", name = "store.activity_logs.summary", skip_all)]
pub async fn summary(tx: &mut Tx, scope: &OrgScope) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(v) - 'organization_id' AS "row!" FROM user_activity_summary v
        WHERE v.organization_id = $1 ORDER BY v.last_activity_at DESC NULLS LAST LIMIT 200
        "#,
        scope.org().uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
