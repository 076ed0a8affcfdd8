//! `/v1/models/{model_id}/versions`.

use axum::extract::State;
use botbuilder_store::{
    Tx,
    agents::agents,
    models::model_versions::TABLE,
    table::{
        Table,
        rows::{self, Condition, Place, Query, Row, Test},
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, Verb, publish},
    resource::{
        Answer, Resource, Transition,
        act::{at, fields, require_state, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/models/{model_id}/versions";
/// Most agents that follow a version in one call.
const MOST: i64 = 1_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "model version", Area::Model, PATH)
        .log()
        .updatable()
        .moving(
            Transition::new("retire", &["candidate", "active", "production"], "retired")
                .needing(Verb::Publish),
        )
        .unanswered("compare", "versions are not evaluated yet")
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/promote"),
                publish(Area::Model),
                "puts it to work: the version before it retires, and the agents that used that use this",
            )
            .gives(of_row(&TABLE)),
            promote,
        )
}

/// The rows in which a column has this value.
async fn having(
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    parent: Option<Uuid>,
    (column, value): (&str, String),
) -> Result<Vec<Row>, ApiError> {
    let column = table.column(column).ok_or_else(|| ApiError::defect("a column that is not described"))?;
    let conditions = vec![Condition { column, test: Test::Among(vec![value]) }];
    Ok(rows::list(tx, &caller.scope, table, &Query { parent, conditions, fetch: MOST, ..Query::default() })
        .await?)
}

/// Also the way back: an older version is promoted again.
async fn promote(
    State(api): State<Api>,
    caller: Caller,
    Id((model, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let place = |id| Place { parent: Some(model), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place(id)).await?.ok_or(ApiError::NotFound)?;
    let state = fields(&before)?;
    if state.get("status") == Some(&json!("production")) {
        return Ok(answer(before));
    }
    require_state(&state, "status", &["candidate", "active", "retired"])?;
    let former = having(&mut tx, &caller, &TABLE, Some(model), ("status", "production".to_owned())).await?;
    for former in &former {
        let change = set([("status", json!("retired"))]);
        let row = rows::update(&mut tx, &caller.scope, &TABLE, place(former.id), change).await?;
        changes::note(&api, &mut tx, &caller, &TABLE, "retired", Some(former), row.as_ref()).await?;
    }
    let change = set([
        ("status", json!("production")),
        ("promoted_at", json!(api.clock.now())),
        ("promoted_by", json!(caller.user())),
    ]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "promoted", Some(&before), Some(&row)).await?;
    for former in former {
        let used = ("model_version_id", former.id.to_string());
        for agent in having(&mut tx, &caller, &agents::TABLE, None, used).await? {
            let change = set([("model_version_id", json!(id))]);
            let row = rows::update(&mut tx, &caller.scope, &agents::TABLE, at(agent.id), change).await?;
            changes::note(&api, &mut tx, &caller, &agents::TABLE, "updated", Some(&agent), row.as_ref())
                .await?;
        }
    }
    tx.commit().await?;
    Ok(answer(row))
}
