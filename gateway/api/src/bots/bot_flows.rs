//! `/v1/bots/{bot_id}/flows`: drafts, and what becomes of them.

use axum::{Json, extract::State};
use botbuilder_flow::Flow;
use botbuilder_store::{
    Tx,
    bots::{
        bot_flows::{self, TABLE},
        entity_versions,
    },
    table::rows::{self, Place, Row},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{diff::difference, flow_checks, flow_variables::declared};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    etag::IfMatch,
    input::{Body, Id},
    permission::{Area, Permission, Verb, publish as may_publish, read, write},
    resource::{
        Answer, Mode, Resource, Transition, act::set, answer, broken_rule, changes, created, digest, of_row,
    },
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

const PATH: &str = "/v1/bots/{bot_id}/flows";
/// The longest definition, in bytes.
const MOST: usize = 1024 * 1024;

/// The routes of this resource.
pub fn routes() -> Routes {
    let list = json!({ "type": "array", "items": { "type": "object" } });
    let report = json!({ "type": "object", "properties": {
        "valid": { "type": "boolean" }, "problems": list, "findings": list, "previews": list,
    } });
    let action = |action: &str, permission: Permission, summary: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), permission, summary)
            .gives(of_row(&TABLE))
            .matches()
    };
    Resource::new(&TABLE, "flow", Area::Flow, PATH)
        .full()
        .prepared(prepare)
        .completed(flow_checks::reported)
        .up_to(DEFINITION_LIMIT)
        .moving(Transition::new("unpublish", &["published"], "draft").needing(Verb::Publish))
        .moving(Transition::new("archive", &["draft", "published"], "archived"))
        .moving(Transition::new("unarchive", &["archived"], "draft"))
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/validate"),
                read(Area::Flow),
                "everything that is wrong with the draft, and what the bot's channels show otherwise",
            )
            .gives(report),
            validate,
        )
        .add(action("publish", may_publish(Area::Flow), "publishes the draft as a new version"), publish)
        .add(
            action(
                "rollback",
                may_publish(Area::Flow),
                "publishes an older version again, under a new number",
            )
            .takes(json!({
                "type": "object",
                "properties": { "version": { "type": "integer", "minimum": 1 } },
                "required": ["version"],
                "additionalProperties": false,
            })),
            rollback,
        )
        .add(action("set-default", write(Area::Flow), "new conversations begin with this flow"), set_default)
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/duplicate"),
                write(Area::Flow),
                "a second flow with the same draft",
            )
            .answers(201)
            .takes(json!({
                "type": "object",
                "properties": { "name": { "type": "string", "maxLength": 120 } },
                "required": ["name"],
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            duplicate,
        )
        .add(
            Operation::get(
                format!("{PATH}/{{id}}/diff"),
                read(Area::Flow),
                "what the draft changes of what is published",
            )
            .gives(json!({ "type": "object" })),
            diff,
        )
}

/// A draft is kept with its digest and with everything that is wrong with it by itself. [`flow_checks::reported`] adds what
/// is around it at that moment.
pub(crate) fn prepare(values: &mut Map<String, Value>, _: Mode) -> Result<(), ApiError> {
    let Some(definition) = values.get("draft_definition") else { return Ok(()) };
    let text = definition.to_string();
    if text.len() > MOST {
        return Err(ApiError::invalid("draft_definition", "must have at most 1 MiB"));
    }
    let report = report(definition);
    values.insert("validation_report".to_owned(), report);
    values.insert("draft_hash".to_owned(), json!(digest(&text)));
    values.insert("draft_saved_at".to_owned(), json!("now"));
    Ok(())
}

fn report(definition: &Value) -> Value {
    let (_, problems) = Flow::draft(definition);
    json!({ "valid": problems.is_empty(), "problems": problems })
}

/// A flow held until the transaction ends, with its fields. Where `If-Match` is sent, it must fit.
async fn held(
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    if_match: IfMatch,
) -> Result<(Row, Map<String, Value>), ApiError> {
    let row = rows::lock(tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    if if_match.allow()?.is_some_and(|version| row.version != Some(version)) {
        return Err(ApiError::Stale);
    }
    let fields = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    Ok((row, fields))
}

async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
) -> Result<Json<Value>, ApiError> {
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let fields: Value = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    let report = flow_checks::report_on(&api, &mut tx, &caller, place, &fields["draft_definition"]).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": report })))
}

async fn publish(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    if_match: IfMatch,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, fields) = held(&mut tx, &caller, place, if_match).await?;
    let definition = fields.get("draft_definition").cloned().unwrap_or_default();
    let row = publish_definition(&api, &mut tx, &caller, place, &definition, Source::Draft).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "published", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// Where a definition that is published comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is the flow's draft: what is said of it is kept with the draft.
    Draft,
    /// It was published before.
    Version,
}

/// Writes a definition as the next version and points the flow to it. Everything that is wrong with it is told at once.
pub(crate) async fn publish_definition(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    definition: &Value,
    source: Source,
) -> Result<Row, ApiError> {
    let report = flow_checks::report_on(api, tx, caller, place, definition).await?;
    let whole = match source {
        // A version holds all that it runs by.
        Source::Draft => declared(tx, caller, place.id, definition).await?,
        Source::Version => definition.clone(),
    };
    if report["valid"] != true {
        let count = report["problems"].as_array().map_or(0, Vec::len);
        return Err(ApiError::refused(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "flow_invalid",
            format!("the flow has {count} problems"),
        )
        .about("draft_definition")
        .with(json!({ "problems": report["problems"] })));
    }
    let version =
        write_version(api, tx, caller, NewVersion { flow: place.id, definition: &whole, message: None })
            .await?;
    let number: Value = serde_json::from_str(&version.json).map_err(ApiError::defect)?;
    let mut change = Map::new();
    for (name, value) in [
        ("status", json!("published")),
        ("published_version_id", json!(version.id)),
        ("published_version", number["version"].clone()),
        ("published_at", json!(api.clock.now())),
        ("published_by", json!(caller.user())),
    ] {
        change.insert(name.to_owned(), value);
    }
    if source == Source::Draft {
        change.insert("validation_report".to_owned(), report);
    }
    rows::update(tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)
}

/// A version of a flow that is written.
pub(crate) struct NewVersion<'v> {
    pub(crate) flow: Uuid,
    pub(crate) definition: &'v Value,
    /// What is said of it.
    pub(crate) message: Option<String>,
}

/// Writes the next version of a flow, which was checked before.
pub(crate) async fn write_version(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    NewVersion { flow, definition, message }: NewVersion<'_>,
) -> Result<Row, ApiError> {
    let version = set([
        ("entity_type", json!("bot_flow")),
        ("entity_id", json!(flow)),
        // The number is taken by the table's trigger.
        ("version", json!(1)),
        ("data", definition.clone()),
        ("data_hash", json!(digest(&definition.to_string()))),
        ("message", json!(message.map(|message| message.chars().take(500).collect::<String>()))),
        ("created_by", json!(caller.user())),
    ]);
    let table = &entity_versions::TABLE;
    let written = rows::insert(tx, &caller.scope, table, api.ids.next(), version).await;
    written.map_err(|error| broken_rule(table, error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: i32,
}

async fn rollback(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    if_match: IfMatch,
    Body(Rollback { version }): Body<Rollback>,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, _) = held(&mut tx, &caller, place, if_match).await?;
    let data = entity_versions::data(&mut tx, &caller.scope, "bot_flow", id, version).await?;
    let data = data.ok_or_else(|| ApiError::invalid("version", "there is no such version"))?;
    let row = publish_definition(&api, &mut tx, &caller, place, &data, Source::Version).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "rolled_back", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn set_default(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    if_match: IfMatch,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, _) = held(&mut tx, &caller, place, if_match).await?;
    bot_flows::clear_default(&mut tx, &caller.scope, bot.into(), id.into()).await?;
    let change = Map::from_iter([("is_default".to_owned(), json!(true))]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|e| broken_rule(&TABLE, e))?;
    let row = row.ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "made_default", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Duplicate {
    name: String,
}

async fn duplicate(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    Body(Duplicate { name }): Body<Duplicate>,
) -> Result<Answer, ApiError> {
    if name.trim().is_empty() || name.chars().count() > 120 {
        return Err(ApiError::invalid("name", "must have 1 to 120 characters"));
    }
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let (_, mut fields) = held(&mut tx, &caller, place, IfMatch::Absent).await?;
    fields.retain(|name, value| {
        ["bot_id", "description", "draft_definition", "validation_report"].contains(&name.as_str())
            && !value.is_null()
    });
    fields.insert("name".to_owned(), json!(name));
    fields.insert("created_by".to_owned(), json!(caller.user()));
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), fields)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "duplicated", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/bots/{bot}/flows")))
}

async fn diff(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
) -> Result<Json<Value>, ApiError> {
    let place = Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let fields: Value = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    let number = fields["published_version"].as_i64().and_then(|number| i32::try_from(number).ok());
    let published = match number {
        Some(number) => entity_versions::data(&mut tx, &caller.scope, "bot_flow", id, number).await?,
        None => None,
    };
    let draft = declared(&mut tx, &caller, id, &fields["draft_definition"]).await?;
    tx.commit().await?;
    let published = published.unwrap_or_else(|| json!({}));
    Ok(Json(
        json!({ "data": { "from": number, "to": "draft", "difference": difference(&published, &draft) } }),
    ))
}
