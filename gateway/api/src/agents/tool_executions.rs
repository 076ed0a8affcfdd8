//! `/v1/executions/{execution_id}/tool-calls`: what a run called, and what it waits for a person to confirm.

use axum::{Json, extract::State, http::Method};
use botbuilder_store::{
    agents::{agent_execution_steps, tool_executions::TABLE, workflow_executions},
    page::Page,
    table::rows::{self, Condition, Query, Test},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Id, Paging, page},
    permission::{Area, execute, read},
    resource::{
        act::{at, fields},
        missing, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/executions/{execution_id}/tool-calls";
/// Most steps of a run whose calls are looked for; a run has fewer.
const STEPS: i64 = 1_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let routes = Routes::new()
        .add(Operation::get(PATH, read(Area::Agent), "tool calls of a run").lists(of_row(&TABLE)), list)
        .add(
            Operation::get(format!("{PATH}/{{id}}"), read(Area::Agent), "one tool call")
                .gives(of_row(&TABLE)),
            get,
        );
    ["confirm", "deny"].into_iter().fold(routes, |routes, action| {
        let path = format!("{PATH}/{{id}}/{action}");
        missing(routes, &Method::POST, path, execute(Area::Agent), "workflows are not run yet")
    })
}

/// The ids of a run's steps. A call names its step, not its run.
async fn steps(api: &Api, caller: &Caller, execution: Uuid) -> Result<Vec<String>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &workflow_executions::TABLE, execution).await? {
        return Err(ApiError::NotFound);
    }
    let query = Query { parent: Some(execution), fetch: STEPS, ..Query::default() };
    let steps = rows::list(&mut tx, &caller.scope, &agent_execution_steps::TABLE, &query).await?;
    tx.commit().await?;
    Ok(steps.iter().map(|step| step.id.to_string()).collect())
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(execution): Id<Uuid>,
    Paging(asked): Paging,
) -> Result<Json<Value>, ApiError> {
    let steps = steps(&api, &caller, execution).await?;
    let column = TABLE.column("step_id").ok_or_else(|| ApiError::defect("a column that is not described"))?;
    let query = Query {
        conditions: vec![Condition { column, test: Test::Among(steps) }],
        after: asked.after.map(|id| (None, id)),
        fetch: asked.fetch(),
        ..Query::default()
    };
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = rows::list(&mut tx, &caller.scope, &TABLE, &query).await?;
    tx.commit().await?;
    let rows: Vec<(Uuid, Map<String, Value>)> =
        rows.iter().map(|row| Ok((row.id, fields(row)?))).collect::<Result<_, ApiError>>()?;
    Ok(Json(listed(asked, rows)))
}

/// The piece of the list, without the ids that order it.
fn listed(asked: Page, rows: Vec<(Uuid, Map<String, Value>)>) -> Value {
    let mut listed = page(asked, rows, |(id, _)| *id);
    if let Some(Value::Array(data)) = listed.get_mut("data") {
        for entry in data {
            *entry = entry.get_mut(1).map(Value::take).unwrap_or_default();
        }
    }
    listed
}

async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id((execution, id)): Id<(Uuid, Uuid)>,
) -> Result<Json<Value>, ApiError> {
    let steps = steps(&api, &caller, execution).await?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let row = fields(&row)?;
    let step = row.get("step_id").and_then(Value::as_str);
    if !step.is_some_and(|step| steps.iter().any(|known| known == step)) {
        return Err(ApiError::NotFound);
    }
    Ok(Json(json!({ "data": row })))
}
