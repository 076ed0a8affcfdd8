//! `/v1/bots/{id}/nlu/conflicts`: examples of different intents that are in each other's way, and what to do about them.

use std::collections::HashMap;

use axum::{Json, extract::State};
use botbuilder_domain::BotId;
use botbuilder_nlu::text::normalise;
use botbuilder_store::{
    Tx,
    nlu::{intent_examples, intents},
    table::rows::{self, Place},
};
use botbuilder_understanding::Taught;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::standing::{of_reading, standing};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, read, write},
    resource::{act::at, broken_rule, changes},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{id}/nlu/conflicts";

/// The routes of this resource.
pub fn routes() -> Routes {
    let uuid = || json!({ "type": "string", "format": "uuid" });
    let way = |action: &str, fields: &[&str]| {
        let mut properties = Map::from_iter([("action".to_owned(), json!({ "const": action }))]);
        properties.extend(fields.iter().map(|field| ((*field).to_owned(), uuid())));
        let required: Vec<&str> = std::iter::once("action").chain(fields.iter().copied()).collect();
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    };
    let ways = [
        way("delete", &["example_id"]),
        way("move", &["example_id", "intent_id"]),
        way("merge", &["from_intent_id", "into_intent_id"]),
    ];
    Routes::new()
        .add(
            Operation::get(PATH, read(Area::Nlu), "examples of different intents that mean nearly the same")
                .gives(json!({ "type": "array", "items": { "type": "object" } })),
            list,
        )
        .add(
            Operation::post(
                format!("{PATH}/resolve"),
                write(Area::Nlu),
                "deletes an example, moves it to another intent, or merges an intent into another",
            )
            .takes(json!({ "oneOf": ways }))
            .gives(json!({ "type": "object" })),
            resolve,
        )
}

async fn list(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let standing = standing(&mut tx, &caller, bot).await?;
    let taught = Taught::read(&mut tx, &caller.scope, BotId::new(bot), &standing.language).await?;
    tx.commit().await?;
    let mut places: HashMap<(Uuid, String), Uuid> = HashMap::new();
    for example in &taught.examples {
        places.entry((example.intent, normalise(&example.text))).or_insert(example.id);
    }
    let ids = taught.intents.clone();
    let found = api.understandings.conflicts(taught).await.map_err(of_reading)?;
    let side = |(intent, text): &(String, String)| {
        let id = ids.get(intent);
        let example = id.and_then(|id| places.get(&(*id, text.clone())));
        json!({ "intent": intent, "intent_id": id, "text": text, "example_id": example })
    };
    let data: Vec<Value> = found
        .iter()
        .map(|one| {
            let (left, right) = (side(&one.left), side(&one.right));
            json!({ "kind": one.kind, "similarity": one.similarity, "left": left, "right": right })
        })
        .collect();
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Resolve {
    Delete { example_id: Uuid },
    Move { example_id: Uuid, intent_id: Uuid },
    Merge { from_intent_id: Uuid, into_intent_id: Uuid },
}

async fn resolve(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(way): Body<Resolve>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    standing(&mut tx, &caller, bot).await?;
    match way {
        Resolve::Delete { example_id } => {
            let (intent, before) = example_of(&mut tx, &caller, bot, example_id).await?;
            rows::delete(&mut tx, &caller.scope, &intent_examples::TABLE, at(example_id)).await?;
            intent_examples::counted(&mut tx, &caller.scope, intent).await?;
            changes::note(&api, &mut tx, &caller, &intent_examples::TABLE, "deleted", Some(&before), None)
                .await?;
        }
        Resolve::Move { example_id, intent_id } => {
            let (intent, before) = example_of(&mut tx, &caller, bot, example_id).await?;
            of_bot(&mut tx, &caller, bot, "intent_id", intent_id).await?;
            let change = Map::from_iter([("intent_id".to_owned(), json!(intent_id))]);
            let table = &intent_examples::TABLE;
            let row = rows::update(&mut tx, &caller.scope, table, at(example_id), change)
                .await
                .map_err(|error| broken_rule(table, error))?;
            for intent in [intent, intent_id] {
                intent_examples::counted(&mut tx, &caller.scope, intent).await?;
            }
            changes::note(&api, &mut tx, &caller, table, "moved", Some(&before), row.as_ref()).await?;
        }
        Resolve::Merge { from_intent_id, into_intent_id } => {
            of_bot(&mut tx, &caller, bot, "from_intent_id", from_intent_id).await?;
            merge(&api, &mut tx, &caller, bot, from_intent_id, into_intent_id).await?;
        }
    }
    tx.commit().await?;
    Ok(Json(json!({ "data": { "resolved": true } })))
}

/// Moves the examples of one intent to another, those that are there already left out, and deletes the one.
pub(super) async fn merge(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    from: Uuid,
    into: Uuid,
) -> Result<u64, ApiError> {
    of_bot(tx, caller, bot, "into_intent_id", into).await?;
    if from == into {
        return Err(ApiError::invalid("into_intent_id", "must be another intent"));
    }
    let place = Place { parent: Some(bot), id: from };
    let before = rows::lock(tx, &caller.scope, &intents::TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let moved = intent_examples::move_all(tx, &caller.scope, from, into).await?;
    intent_examples::counted(tx, &caller.scope, into).await?;
    intent_examples::counted(tx, &caller.scope, from).await?;
    rows::delete(tx, &caller.scope, &intents::TABLE, place).await?;
    changes::note(api, tx, caller, &intents::TABLE, "merged", Some(&before), None).await?;
    Ok(moved)
}

/// An example of the bot, held, with its intent.
async fn example_of(
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    example: Uuid,
) -> Result<(Uuid, rows::Row), ApiError> {
    let missing = || ApiError::invalid("example_id", "must be an example of this bot");
    let row = rows::lock(tx, &caller.scope, &intent_examples::TABLE, at(example)).await?;
    let row = row.ok_or_else(missing)?;
    let fields = crate::resource::act::fields(&row)?;
    let id = |name: &str| fields.get(name).and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    if id("bot_id") != Some(bot) {
        return Err(missing());
    }
    Ok((id("intent_id").ok_or_else(missing)?, row))
}

/// Refuses what is no intent of the bot.
pub(super) async fn of_bot(
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    field: &'static str,
    intent: Uuid,
) -> Result<(), ApiError> {
    let place = Place { parent: Some(bot), id: intent };
    match rows::get(tx, &caller.scope, &intents::TABLE, place, None).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::invalid(field, "must be an intent of this bot")),
    }
}
