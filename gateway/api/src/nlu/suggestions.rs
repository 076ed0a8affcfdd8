//! `/v1/bots/{id}/nlu/suggestions`: what people said and the bot did not understand, put together by what it means; and
//! teaching one of them. A person decides.

use axum::{Json, extract::State};
use botbuilder_domain::BotId;
use botbuilder_store::{
    nlu::{intents, nlu_logs},
    table::rows::{self, Place},
};
use botbuilder_understanding::Taught;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    conflicts::of_bot,
    nlu_logs::teach,
    standing::{of_reading, standing},
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, read, write},
    resource::{act::set, broken_rule, changes},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{id}/nlu/suggestions";
/// How far back it is looked.
const SINCE: TimeDelta = TimeDelta::days(90);
/// Messages that are put together at most, the newest; as many as are compared while somebody waits.
const MESSAGES: i64 = 1_000;
/// Notes of one call.
const AT_ONCE: usize = 200;
/// Texts of a suggestion that are shown.
const SHOWN: usize = 20;

/// The routes of this resource.
pub fn routes() -> Routes {
    let uuid = || json!({ "type": "string", "format": "uuid" });
    let accept = json!({
        "type": "object",
        "properties": {
            "log_ids": { "type": "array", "items": uuid(), "minItems": 1, "maxItems": AT_ONCE },
            "intent_id": uuid(),
            "name": { "type": "string", "minLength": 1, "maxLength": 120 },
        },
        "required": ["log_ids"],
        "oneOf": [{ "required": ["intent_id"] }, { "required": ["name"] }],
        "additionalProperties": false,
    });
    Routes::new()
        .add(
            Operation::get(
                PATH,
                read(Area::Nlu),
                "messages that were not understood, together by what they mean: a new intent, or examples of one",
            )
            .gives(json!({ "type": "array", "items": { "type": "object" } })),
            list,
        )
        .add(
            Operation::post(
                format!("{PATH}/accept"),
                write(Area::Nlu),
                "makes the messages examples of an intent that is there, or of a new one with that name",
            )
            .takes(accept)
            .gives(json!({ "type": "object" })),
            accept_all,
        )
}

async fn list(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Json<Value>, ApiError> {
    let bot_id = BotId::new(bot);
    let mut tx = api.store.begin(&caller.scope).await?;
    let standing = standing(&mut tx, &caller, bot).await?;
    let taught = Taught::read(&mut tx, &caller.scope, bot_id, &standing.language).await?;
    let since = api.clock.now() - SINCE;
    let unmatched = nlu_logs::unmatched(&mut tx, &caller.scope, bot_id, since, MESSAGES).await?;
    tx.commit().await?;
    let ids = taught.intents.clone();
    let texts: Vec<String> = unmatched.iter().map(|one| one.text.clone()).collect();
    let found = api.understandings.suggestions(taught, texts).await.map_err(of_reading)?;
    let data: Vec<Value> = found
        .iter()
        .map(|one| {
            let (intent, nearest) = one.intent.as_ref().map(|(name, cosine)| (name, *cosine)).unzip();
            let notes = || one.messages.iter().map(|place| &unmatched[*place]);
            let mut shown: Vec<&str> = Vec::new();
            for note in notes() {
                if shown.len() < SHOWN && !shown.contains(&note.text.as_str()) {
                    shown.push(&note.text);
                }
            }
            json!({
                "kind": if intent.is_some() { "examples" } else { "new_intent" },
                "intent": intent,
                "intent_id": intent.and_then(|name| ids.get(name)),
                "nearest": nearest,
                "similarity": one.similarity,
                "messages": one.messages.len(),
                "texts": shown,
                "log_ids": notes().take(AT_ONCE).map(|note| note.id).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    log_ids: Vec<Uuid>,
    intent_id: Option<Uuid>,
    /// The name of the new intent.
    name: Option<String>,
}

async fn accept_all(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(Accept { mut log_ids, intent_id, name }): Body<Accept>,
) -> Result<Json<Value>, ApiError> {
    log_ids.sort_unstable();
    log_ids.dedup();
    if !(1..=AT_ONCE).contains(&log_ids.len()) {
        return Err(ApiError::invalid("log_ids", format!("must be 1 to {AT_ONCE} ids of notes")));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    standing(&mut tx, &caller, bot).await?;
    let intent = match (intent_id, name) {
        (Some(intent), None) => {
            of_bot(&mut tx, &caller, bot, "intent_id", intent).await?;
            intent
        }
        (None, Some(name)) => {
            let values =
                set([("bot_id", json!(bot)), ("name", json!(name)), ("created_by", json!(caller.user()))]);
            let row = rows::insert(&mut tx, &caller.scope, &intents::TABLE, api.ids.next(), values)
                .await
                .map_err(|error| broken_rule(&intents::TABLE, error))?;
            changes::note(&api, &mut tx, &caller, &intents::TABLE, "created", None, Some(&row)).await?;
            row.id
        }
        _ => {
            return Err(ApiError::invalid(
                "intent_id",
                "either intent_id or name (of a new intent) must be there",
            ));
        }
    };
    for id in &log_ids {
        teach(&api, &mut tx, &caller, Place { parent: Some(bot), id: *id }, intent, None).await?;
    }
    tx.commit().await?;
    Ok(Json(json!({ "data": { "intent_id": intent, "examples": log_ids.len() } })))
}
