//! `/v1/bots/{bot_id}/intents`.

use axum::{Json, extract::State};
use botbuilder_store::nlu::intents::TABLE;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{conflicts, exchange};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::Resource,
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/bots/{bot_id}/intents";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "intent", Area::Nlu, PATH)
        .full()
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/merge"),
                write(Area::Nlu),
                "moves the examples of an intent to another, and deletes it",
            )
            .takes(shape::object(&[("into_intent_id", "uuid")]))
            .gives(json!({ "type": "object" })),
            merge,
        )
        .merge(exchange::routes(PATH, "intents with examples, and entities", exchange::Part::Everything))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    into_intent_id: Uuid,
}

async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    Body(Merge { into_intent_id }): Body<Merge>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let moved = conflicts::merge(&api, &mut tx, &caller, bot, id, into_intent_id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "moved": moved } })))
}
