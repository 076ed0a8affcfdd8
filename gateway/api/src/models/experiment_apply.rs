//! `/v1/experiments/{id}/apply`: puts the variant that won in the place of what the experiment was about.

use axum::extract::State;
use botbuilder_flow::authored::read_content;
use botbuilder_store::{
    Tx,
    bots::{bot_flows, bot_messages, entity_versions},
    models::ab_tests::TABLE,
    table::{
        Table,
        rows::{self, Place},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    bots::bot_flows::{Source, prepare, publish_definition},
    error::ApiError,
    input::Id,
    permission::{Area, publish},
    resource::{
        Answer, Mode,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::post(
            "/v1/experiments/{id}/apply",
            publish(Area::Experiment),
            "puts what the winner says in the place of the message, or publishes its definition as the flow's next version",
        )
        .gives(of_row(&TABLE)),
        apply,
    )
}

/// What is wrong with the variants of an experiment on a message or a flow.
pub(super) fn check(target: &str, variants: &Value) -> Result<(), ApiError> {
    for (number, variant) in variants.as_array().into_iter().flatten().enumerate() {
        if let (Some(content), "message") = (variant.pointer("/config/content"), target) {
            let field = format!("variants[{number}].config.content");
            read_content(content).map_err(|error| ApiError::invalid(field, error))?;
        }
    }
    Ok(())
}

async fn apply(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let mut experiment = fields(&before)?;
    let Some(winner) = experiment.get("winner_key").and_then(Value::as_str).map(str::to_owned) else {
        let refused = ApiError::conflict("wrong_state", "the experiment has no winner; declare one first");
        return Err(refused.with(json!({ "state": experiment.get("status") })));
    };
    let config = experiment
        .get("variants")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().find(|variant| variant["key"] == winner.as_str()))
        .and_then(|variant| variant.get("config"))
        .cloned()
        .unwrap_or_default();
    let id_of =
        |name: &str| experiment.get(name).and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let target = id_of("target_id").zip(id_of("bot_id"));
    let (target, bot) = target.ok_or_else(|| {
        ApiError::conflict("wrong_state", "the experiment names no bot, or nothing of it to change")
    })?;
    let place = Place { parent: Some(bot), id: target };
    match experiment.get("target_type").and_then(Value::as_str) {
        Some("message") => say_instead(&api, &mut tx, &caller, place, &config).await?,
        Some("flow") => run_instead(&api, &mut tx, &caller, place, &config).await?,
        _ => return Err(ApiError::NotAvailable("only messages and flows are changed to what won")),
    }
    let mut decision = match experiment.remove("decision") {
        Some(Value::Object(decision)) => decision,
        _ => Map::new(),
    };
    decision.insert("applied_at".to_owned(), json!(api.clock.now()));
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), set([("decision", json!(decision))]))
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "applied", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// A variant without anything of its own is the target as it is.
fn of_config<'c>(config: &'c Value, name: &str) -> Option<&'c Value> {
    config.get(name).filter(|value| !value.is_null())
}

async fn say_instead(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    config: &Value,
) -> Result<(), ApiError> {
    let Some(content) = of_config(config, "content") else { return Ok(()) };
    let change = set([("content", content.clone())]);
    changed(api, tx, caller, &bot_messages::TABLE, place, change).await
}

async fn run_instead(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    config: &Value,
) -> Result<(), ApiError> {
    // What ran is what is put in place.
    let version = of_config(config, "version_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let ran = match version {
        Some(id) => entity_versions::held_by_id(tx, &caller.scope, id).await?.map(|version| version.data),
        None => None,
    };
    let Some(definition) = ran.as_ref().or_else(|| of_config(config, "definition")) else { return Ok(()) };
    let mut change = set([("draft_definition", definition.clone())]);
    prepare(&mut change, Mode::Update)?;
    changed(api, tx, caller, &bot_flows::TABLE, place, change).await?;
    publish_definition(api, tx, caller, place, definition, Source::Draft).await?;
    Ok(())
}

async fn changed(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    place: Place,
    change: Map<String, Value>,
) -> Result<(), ApiError> {
    let gone = || ApiError::conflict("wrong_state", "what the experiment was about is not there any more");
    let before = rows::lock(tx, &caller.scope, table, place).await?.ok_or_else(gone)?;
    let row = rows::update(tx, &caller.scope, table, place, change)
        .await
        .map_err(|error| broken_rule(table, error))?
        .ok_or_else(gone)?;
    changes::note(api, tx, caller, table, "updated", Some(&before), Some(&row)).await
}
