//! `/v1/plugins/{plugin_id}/reviews`.

use axum::{extract::State, http::StatusCode};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    plugins::{
        plugin_installations,
        plugin_reviews::{self, TABLE},
        plugins,
    },
    table::rows::{self, Condition, Place, Query, Row, Test},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, read, write},
    resource::{
        Answer, Mode, Resource,
        act::{at, fields},
        answer, broken_rule, changes, check, created, of_input, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/plugins/{plugin_id}/reviews";
/// How long a plugin was used before it is rated.
const USED: TimeDelta = TimeDelta::hours(24);
/// The longest answer of a publisher.
const REPLY: usize = 2_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let item = format!("{PATH}/{{id}}");
    Resource::new(&TABLE, "review", Area::Plugin, PATH)
        .log()
        .routes()
        .add(
            Operation::post(
                PATH,
                read(Area::Plugin),
                "rates a plugin that was installed a day ago or earlier",
            )
            .answers(201)
            .takes(of_input(&TABLE, Mode::Create))
            .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::patch(&item, read(Area::Plugin), "changes one's own review")
                .takes(of_input(&TABLE, Mode::Update))
                .gives(of_row(&TABLE)),
            update,
        )
        .add(Operation::delete(&item, read(Area::Plugin), "deletes one's own review"), remove)
        .add(
            Operation::post(
                format!("{item}/helpful"),
                read(Area::Plugin),
                "counts that one finds a review helpful; again changes nothing",
            )
            .gives(of_row(&TABLE)),
            helpful,
        )
        .add(
            Operation::post(
                format!("{item}/reply"),
                write(Area::Plugin),
                "answers a review of one's own plugin; null takes the answer away",
            )
            .takes(json!({
                "type": "object",
                "properties": { "reply": { "type": ["string", "null"], "minLength": 1, "maxLength": REPLY } },
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            reply,
        )
        .add(
            Operation::post(
                format!("{item}/report"),
                read(Area::Plugin),
                "takes a review out of sight until the platform has looked at it, for those who have the plugin or offer it",
            )
            .answers(204),
            report,
        )
}

/// The account that acts; a review is somebody's.
fn reviewer(caller: &Caller) -> Result<Uuid, ApiError> {
    caller.user().map_or_else(|| caller.require_person(), Ok)
}

/// The version of the plugin that the organization has used long enough.
async fn used(
    tx: &mut Tx,
    caller: &Caller,
    plugin: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Value>, ApiError> {
    let table = &plugin_installations::TABLE;
    let before = (now - USED).to_rfc3339();
    let conditions = [
        ("plugin_id", Test::Among(vec![plugin.to_string()])),
        ("status", Test::Among(["active", "disabled", "error"].map(str::to_owned).to_vec())),
        ("created_at", Test::AtMost(before)),
    ]
    .into_iter()
    .filter_map(|(name, test)| Some(Condition { column: table.column(name)?, test }))
    .collect();
    let query = Query { conditions, fetch: 1, ..Query::default() };
    let found = rows::list(tx, &caller.scope, table, &query).await?;
    found.first().map(|row| Ok(fields(row)?.get("version_id").cloned().unwrap_or_default())).transpose()
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(plugin): Id<Uuid>,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Create, &[])?;
    values.retain(|_, value| !value.is_null());
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &plugins::TABLE, plugin).await? {
        return Err(ApiError::NotFound);
    }
    let user = reviewer(&caller)?;
    let version = used(&mut tx, &caller, plugin, api.clock.now()).await?.ok_or_else(|| {
        ApiError::conflict("not_used", "a plugin is rated a day after it was installed, or later")
    })?;
    values.insert("plugin_id".to_owned(), json!(plugin));
    values.insert("user_id".to_owned(), json!(user));
    values.insert("version_id".to_owned(), version);
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/plugins/{plugin}/reviews")))
}

/// One's own review, held. What is another's is forbidden, whoever reads it.
async fn own(tx: &mut Tx, caller: &Caller, place: Place) -> Result<Row, ApiError> {
    let row = rows::lock(tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let user = reviewer(caller)?;
    if fields(&row)?.get("user_id") == Some(&json!(user)) {
        return Ok(row);
    }
    Err(ApiError::refused(StatusCode::FORBIDDEN, "not_yours", "only who wrote a review changes it"))
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
    Body(values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Update, &[])?;
    let place = Place { parent: Some(plugin), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = own(&mut tx, &caller, place).await?;
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    let place = Place { parent: Some(plugin), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = own(&mut tx, &caller, place).await?;
    rows::delete(&mut tx, &caller.scope, &TABLE, place).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "deleted", Some(&before), None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A review that everybody sees, whoever wrote it.
async fn seen(tx: &mut Tx, caller: &Caller, place: Place) -> Result<Row, ApiError> {
    let row = rows::get(tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    if fields(&row)?.get("status") == Some(&json!("visible")) { Ok(row) } else { Err(ApiError::NotFound) }
}

async fn helpful(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(plugin), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = seen(&mut tx, &caller, place).await?;
    let user = reviewer(&caller)?;
    if fields(&before)?.get("user_id") == Some(&json!(user)) {
        return Err(ApiError::refused(StatusCode::FORBIDDEN, "own_review", "this is one's own review"));
    }
    if !plugin_reviews::take_voice(&mut tx, &caller.scope, id, user, api.clock.now()).await? {
        return Ok(answer(before));
    }
    plugin_reviews::helpful(&mut tx, id).await?;
    let row = seen(&mut tx, &caller, place).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "found_helpful", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    reply: Option<String>,
}

async fn reply(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
    Body(Reply { reply }): Body<Reply>,
) -> Result<Answer, ApiError> {
    if reply.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > REPLY) {
        return Err(ApiError::invalid("reply", format!("must have 1 to {REPLY} characters")));
    }
    let place = Place { parent: Some(plugin), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = seen(&mut tx, &caller, place).await?;
    if !plugin_reviews::reply(&mut tx, id, reply.as_deref(), caller.user()).await? {
        let detail = "only the organization that offers the plugin answers its reviews";
        return Err(ApiError::refused(StatusCode::FORBIDDEN, "not_yours", detail));
    }
    let row = seen(&mut tx, &caller, place).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "replied", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// Whether the organization offers the plugin.
async fn offers(tx: &mut Tx, caller: &Caller, plugin: Uuid) -> Result<bool, ApiError> {
    let row = rows::get(tx, &caller.scope, &plugins::TABLE, at(plugin), None).await?;
    let row = row.ok_or(ApiError::NotFound)?;
    Ok(fields(&row)?.get("publisher_organization_id") == Some(&json!(caller.scope.org().uuid())))
}

/// One report is enough to hide a review, so only who knows the plugin makes one; the trail says who it was.
async fn report(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    seen(&mut tx, &caller, Place { parent: Some(plugin), id }).await?;
    let has = used(&mut tx, &caller, plugin, api.clock.now()).await?.is_some();
    if !has && !offers(&mut tx, &caller, plugin).await? {
        let detail = "a review is reported by those who have the plugin for a day, or offer it";
        return Err(ApiError::conflict("not_used", detail));
    }
    plugin_reviews::report(&mut tx, id).await?;
    caller.audit(&api, &mut tx, Act::new("plugin_reviews.reported", TABLE.name, Some(id))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
