//! `/v1/bots/{bot_id}/agents`.

use axum::extract::State;
use botbuilder_store::{
    agents::agents::TABLE,
    bots::bots,
    table::rows::{self, Place},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, Verb, write},
    resource::{
        Answer, Resource,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{bot_id}/agents";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "agent", Area::Agent, PATH)
        .full()
        .unavailable("test", Verb::Execute, "agents are not run yet")
        .unavailable("stream", Verb::Execute, "agents are not run yet")
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/set-default"),
                write(Area::Agent),
                "makes it the one that answers for the bot; the answer is the bot",
            )
            .gives(of_row(&bots::TABLE)),
            set_default,
        )
}

async fn set_default(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Place { parent: Some(bot), id };
    let agent = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    if fields(&agent)?.get("is_active") != Some(&Value::Bool(true)) {
        return Err(ApiError::conflict("wrong_state", "it is not active, so it answers nobody"));
    }
    let before =
        rows::lock(&mut tx, &caller.scope, &bots::TABLE, at(bot)).await?.ok_or(ApiError::NotFound)?;
    let change = set([("default_agent_id", json!(id))]);
    let row = rows::update(&mut tx, &caller.scope, &bots::TABLE, at(bot), change)
        .await
        .map_err(|error| broken_rule(&bots::TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &bots::TABLE, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
