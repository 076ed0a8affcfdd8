//! `/v1/clones/{clone_id}/responses`: what a clone wrote, and what its user made of it.

use axum::extract::State;
use botbuilder_store::{
    Tx,
    clones::{clone_responses::TABLE, clone_training_data},
    table::rows::{self, Place, Row},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{
        Answer, Resource,
        act::{fields, require_state, set},
        answer, broken_rule, changes, digest, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/clones/{clone_id}/responses";
/// An edited response that is rated so well teaches the clone.
const GOOD: i64 = 4;

/// The routes of this resource.
pub fn routes() -> Routes {
    let action = |action: &str, text: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), write(Area::Clone), text).gives(of_row(&TABLE))
    };
    let body = |properties: Value, required: &str| json!({ "type": "object", "properties": properties, "required": [required], "additionalProperties": false });
    let rating = json!({
        "rating": { "type": "integer", "minimum": 1, "maximum": 5 },
        "feedback": { "type": ["string", "null"], "maxLength": 2000 },
    });
    let text = json!({ "text": { "type": "string", "minLength": 1, "maxLength": 50_000 } });
    Resource::new(&TABLE, "clone response", Area::Clone, PATH)
        .log()
        .routes()
        .add(
            action("rate", "says how good it is; an edited one of 4 or 5 becomes a sample")
                .takes(body(rating, "rating")),
            rate,
        )
        .add(action("edit", "keeps what it was made into, as used").takes(body(text, "text")), edit)
        .add(action("use", "notes that it was used as it is"), take)
        .add(action("discard", "notes that it was not used"), discard)
}

/// Changes a response. One that was edited and is rated well becomes a sample, which waits to be approved.
async fn change(
    api: &Api,
    caller: &Caller,
    (clone, id): (Uuid, Uuid),
    verb: &str,
    change: impl FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, ApiError>,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(clone), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let change = change(&fields(&before)?)?;
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, &mut tx, caller, &TABLE, verb, Some(&before), Some(&row)).await?;
    teach(api, &mut tx, caller, clone, &row).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn teach(api: &Api, tx: &mut Tx, caller: &Caller, clone: Uuid, row: &Row) -> Result<(), ApiError> {
    let row = fields(row)?;
    let is_good = row.get("rating").and_then(Value::as_i64).is_some_and(|rating| rating >= GOOD);
    let edited = row.get("edited_response").and_then(Value::as_str).filter(|_| is_good);
    let Some(content) = edited else { return Ok(()) };
    let sample = set([
        ("clone_id", json!(clone)),
        ("kind", row.get("kind").cloned().unwrap_or_default()),
        ("source", json!("edited response")),
        ("content", json!(content)),
        ("content_hash", json!(digest(content))),
        ("created_by", json!(caller.user())),
    ]);
    let table = &clone_training_data::TABLE;
    let new = rows::insert_new(tx, &caller.scope, table, api.ids.next(), sample).await?;
    if let Some(new) = new {
        changes::note(api, tx, caller, table, "created", None, Some(&new)).await?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rating {
    rating: u8,
    feedback: Option<String>,
}

async fn rate(
    State(api): State<Api>,
    caller: Caller,
    Id(place): Id<(Uuid, Uuid)>,
    Body(Rating { rating, feedback }): Body<Rating>,
) -> Result<Answer, ApiError> {
    if !(1..=5).contains(&rating) {
        return Err(ApiError::invalid("rating", "must be a whole number from 1 to 5"));
    }
    if feedback.as_ref().is_some_and(|text| text.chars().count() > 2_000) {
        return Err(ApiError::invalid("feedback", "must have at most 2000 characters"));
    }
    change(&api, &caller, place, "rated", |_| {
        Ok(set([("rating", json!(rating)), ("feedback", json!(feedback))]))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edited {
    text: String,
}

async fn edit(
    State(api): State<Api>,
    caller: Caller,
    Id(place): Id<(Uuid, Uuid)>,
    Body(Edited { text }): Body<Edited>,
) -> Result<Answer, ApiError> {
    if text.trim().is_empty() || text.chars().count() > 50_000 {
        return Err(ApiError::invalid("text", "must have 1 to 50000 characters"));
    }
    let now = api.clock.now();
    change(&api, &caller, place, "edited", |_| {
        Ok(set([("edited_response", json!(text)), ("outcome", json!("edited")), ("outcome_at", json!(now))]))
    })
    .await
}

async fn take(
    State(api): State<Api>,
    caller: Caller,
    Id(place): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    decide(&api, &caller, place, "used").await
}

async fn discard(
    State(api): State<Api>,
    caller: Caller,
    Id(place): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    decide(&api, &caller, place, "discarded").await
}

/// Decides about a response that nothing was decided about; the same again is no error.
async fn decide(
    api: &Api,
    caller: &Caller,
    place: (Uuid, Uuid),
    outcome: &'static str,
) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    change(api, caller, place, outcome, |before| {
        if before.get("outcome") == Some(&json!(outcome)) {
            return Ok(Map::new());
        }
        require_state(before, "outcome", &["pending"])?;
        Ok(set([("outcome", json!(outcome)), ("outcome_at", json!(now))]))
    })
    .await
}
