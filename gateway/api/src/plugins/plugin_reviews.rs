//! `/v1/plugins/{plugin_id}/reviews`.

use axum::{
    extract::State,
    http::{Method, StatusCode},
};
use botbuilder_store::{
    Tx,
    plugins::{plugin_installations, plugin_reviews::TABLE, plugins},
    table::rows::{self, Condition, Place, Query, Row, Test},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, read, write},
    resource::{
        Answer, Mode, Resource, act::fields, answer, broken_rule, changes, check, created, missing, of_input,
        of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/plugins/{plugin_id}/reviews";
/// How long a plugin was used before it is rated.
const USED: TimeDelta = TimeDelta::hours(24);

/// The routes of this resource.
pub fn routes() -> Routes {
    let item = format!("{PATH}/{{id}}");
    let plain = Resource::new(&TABLE, "review", Area::Plugin, PATH)
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
        .add(Operation::delete(&item, read(Area::Plugin), "deletes one's own review"), remove);
    [("helpful", read(Area::Plugin)), ("reply", write(Area::Plugin)), ("report", read(Area::Plugin))]
        .into_iter()
        .fold(plain, |routes, (action, may)| {
            let what = "reviews of other organizations are not answered yet";
            missing(routes, &Method::POST, format!("{item}/{action}"), may, what)
        })
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
