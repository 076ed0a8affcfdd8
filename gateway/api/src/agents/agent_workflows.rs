//! `/v1/bots/{bot_id}/workflows`.

use axum::extract::State;
use botbuilder_store::{
    agents::agent_workflows::TABLE,
    table::rows::{self, Condition, Place, Query, Test},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, Verb, write},
    resource::{Answer, Resource, Transition, act::set, answer, broken_rule, changes, of_row},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{bot_id}/workflows";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "workflow", Area::Agent, PATH)
        .full()
        .moving(Transition::new("activate", &["draft", "disabled"], "active").needing(Verb::Publish))
        .moving(Transition::new("disable", &["active"], "disabled").needing(Verb::Publish))
        .unavailable("execute", Verb::Execute, "workflows are not run yet")
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/set-default"),
                write(Area::Agent),
                "makes it the bot's default workflow, in the place of the one before",
            )
            .gives(of_row(&TABLE)),
            set_default,
        )
}

async fn set_default(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let place = |id| Place { parent: Some(bot), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place(id)).await?.ok_or(ApiError::NotFound)?;
    let column =
        TABLE.column("is_default").ok_or_else(|| ApiError::defect("a column that is not described"))?;
    let conditions = vec![Condition { column, test: Test::Among(vec!["true".to_owned()]) }];
    let query = Query { parent: Some(bot), conditions, fetch: 10, ..Query::default() };
    for other in rows::list(&mut tx, &caller.scope, &TABLE, &query).await? {
        if other.id != id {
            let change = set([("is_default", json!(false))]);
            rows::update(&mut tx, &caller.scope, &TABLE, place(other.id), change).await?;
        }
    }
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place(id), set([("is_default", json!(true))]))
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "made_default", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
