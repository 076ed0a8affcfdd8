//! `/v1/bots/{id}/nlu`: how a bot's understanding stands, its training, its versions, and what it makes of a text.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, request::Parts},
};
use botbuilder_domain::BotId;
use botbuilder_store::{
    Tx,
    bots::{bots, entity_versions},
    nlu::{
        nlu_trainings::{self, TABLE},
        taught::{self, Standing},
    },
    table::rows::{self, Query},
};
use botbuilder_understanding::{Error, Said};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id, query_pairs, unknown},
    permission::{Area, execute, read},
    resource::{Answer, act::fields, broken_rule, changes, of_row},
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/bots/{id}/nlu";
/// The longest text that is read, in letters.
const LONGEST: usize = 4_000;
/// Most intents that whoever asks may expect.
const EXPECTED: usize = 100;

/// The routes of this resource.
pub fn routes() -> Routes {
    let object = || json!({ "type": "object" });
    Routes::new()
        .add(
            Operation::get(PATH, read(Area::Nlu), "how the understanding of a bot stands").gives(object()),
            get,
        )
        .add(
            Operation::post(
                format!("{PATH}/train"),
                execute(Area::Nlu),
                "trains a bot on what was written; the answer is the training, whose progress can be read",
            )
            .answers(202)
            .gives(of_row(&TABLE)),
            train,
        )
        .add(
            Operation::post(
                format!("{PATH}/activate"),
                execute(Area::Nlu),
                "puts an earlier version of a bot's understanding in use; the last five are kept",
            )
            .takes(shape::object(&[("version", "integer")]))
            .gives(object()),
            activate,
        )
        .add(
            Operation::get(
                format!("{PATH}/evaluation"),
                read(Area::Nlu),
                "how good a version is: every example judged by a model that had not seen it",
            )
            .with_query("version", json!({ "type": "integer" }), "the version; the one in use without it")
            .gives(object()),
            evaluation,
        )
        .add(
            Operation::post(
                format!("{PATH}/analyze"),
                execute(Area::Nlu),
                "what a bot makes of a text; nobody is answered and nothing is noted",
            )
            .takes(shape::object(&[("text", "string"), ("language", "string?"), ("expected", "strings?")]))
            .gives(object()),
            analyze,
        )
}

/// The bot's standing; a foreign or unknown bot is not there.
pub(super) async fn standing(tx: &mut Tx, caller: &Caller, bot: Uuid) -> Result<Standing, ApiError> {
    taught::standing(tx, &caller.scope, BotId::new(bot)).await?.ok_or(ApiError::NotFound)
}

/// How it stands, as it is shown.
async fn shown(api: &Api, tx: &mut Tx, caller: &Caller, bot: Uuid) -> Result<Value, ApiError> {
    let standing = standing(tx, caller, bot).await?;
    let trained_on = nlu_trainings::taught(tx, &caller.scope, BotId::new(bot), standing.version).await?;
    let is_stale = standing.version > 0 && trained_on.is_none_or(|taught| taught != standing.taught);
    let status = if is_stale && standing.status == "ready" { "stale" } else { standing.status.as_str() };
    let last = Query { parent: Some(bot), is_descending: true, fetch: 1, ..Query::default() };
    let training = match rows::list(tx, &caller.scope, &TABLE, &last).await?.first() {
        Some(row) => Value::Object(fields(row)?),
        None => Value::Null,
    };
    let missing = api.understandings.models.missing();
    Ok(json!({
        "status": status,
        "version": standing.version,
        "trained_at": standing.trained_at,
        "is_stale": is_stale,
        "language": standing.language,
        "models": { "are_available": missing.is_empty(), "missing": missing },
        "training": training,
    }))
}

async fn get(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let shown = shown(&api, &mut tx, &caller, bot).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": shown })))
}

async fn train(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &bots::TABLE, bot).await? {
        return Err(ApiError::NotFound);
    }
    let values =
        Map::from_iter([("bot_id".to_owned(), json!(bot)), ("created_by".to_owned(), json!(caller.user()))]);
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    nlu_trainings::begun(&mut tx, &caller.scope, BotId::new(bot)).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "requested", None, Some(&row)).await?;
    tx.commit().await?;
    let location = Some(format!("/v1/bots/{bot}/nlu/trainings/{}", row.id));
    Ok(Answer { status: StatusCode::ACCEPTED, row, location })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    version: i32,
}

async fn activate(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(Activate { version }): Body<Activate>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = crate::resource::act::at(bot);
    let before = rows::lock(&mut tx, &caller.scope, &bots::TABLE, place).await?.ok_or(ApiError::NotFound)?;
    if !nlu_trainings::activate(&mut tx, &caller.scope, BotId::new(bot), version).await? {
        return Err(ApiError::invalid("version", "is none, or its model is no longer kept; train anew"));
    }
    let after = rows::get(&mut tx, &caller.scope, &bots::TABLE, place, None).await?;
    changes::note(&api, &mut tx, &caller, &bots::TABLE, "nlu_activated", Some(&before), after.as_ref())
        .await?;
    let shown = shown(&api, &mut tx, &caller, bot).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": shown })))
}

async fn evaluation(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    parts: Parts,
) -> Result<Json<Value>, ApiError> {
    let mut asked = None;
    for (name, value) in query_pairs(&parts) {
        if name != "version" {
            return Err(ApiError::invalid(name.clone(), unknown(&name, ["version"])));
        }
        let version = value.parse::<i32>().ok().filter(|version| *version > 0);
        asked = Some(version.ok_or_else(|| ApiError::invalid("version", "must be a number from 1"))?);
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let standing = standing(&mut tx, &caller, bot).await?;
    let version = asked.unwrap_or(standing.version);
    let data = entity_versions::data(&mut tx, &caller.scope, "nlu_model", bot, version).await?;
    tx.commit().await?;
    let Some(Value::Object(mut data)) = data else {
        return Err(match asked {
            Some(_) => ApiError::invalid("version", "there is no such version"),
            None => ApiError::conflict("untrained", "the bot was not trained yet; train it first"),
        });
    };
    data.insert("version".to_owned(), json!(version));
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Analyze {
    text: String,
    language: Option<String>,
    #[serde(default)]
    expected: Vec<String>,
}

async fn analyze(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(Analyze { text, language, expected }): Body<Analyze>,
) -> Result<Json<Value>, ApiError> {
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        return Err(ApiError::invalid("text", format!("must have 1 to {LONGEST} characters")));
    }
    if expected.len() > EXPECTED {
        return Err(ApiError::invalid("expected", format!("must have at most {EXPECTED} entries")));
    }
    if language.as_ref().is_some_and(|language| language.is_empty() || language.len() > 16) {
        return Err(ApiError::invalid("language", "must have 1 to 16 characters"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    standing(&mut tx, &caller, bot).await?;
    tx.commit().await?;
    let said = Said { text, language, expected };
    let read = api.understandings.read(&caller.scope, BotId::new(bot), said, api.clock.now()).await;
    let Some(read) = read.map_err(of_reading)? else {
        return Err(ApiError::conflict("untaught", "the bot has no intents yet"));
    };
    let micros = u64::try_from(read.took.as_micros()).unwrap_or(u64::MAX);
    let answer = json!({
        "recognition": read.reading.recognition,
        "entities": read.reading.entities,
        "intent_id": read.intent,
        "version": read.version,
        "took_us": micros,
    });
    Ok(Json(json!({ "data": answer })))
}

/// Why a text was not read, for callers.
pub(super) fn of_reading(error: Error) -> ApiError {
    match error {
        Error::Store(error) => error.into(),
        other => ApiError::defect(other),
    }
}
