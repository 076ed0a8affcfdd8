//! `/v1/experiments/{id}/results` and `declare-winner`: what came of an experiment.

use axum::{Json, extract::State};
use botbuilder_bots::experiments::{Judged, Verdict};
use botbuilder_store::{Tx, models::ab_tests::TABLE, table::rows};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, publish, read},
    resource::{
        Answer,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(
                "/v1/experiments/{id}/results",
                read(Area::Experiment),
                "rates, intervals and significance of each variant",
            )
            .gives(json!({ "type": "object" })),
            results,
        )
        .add(
            Operation::post(
                "/v1/experiments/{id}/declare-winner",
                publish(Area::Experiment),
                "ends the experiment with this variant; the numbers are kept with the decision",
            )
            .takes(json!({
                "type": "object",
                "properties": { "variant": { "type": "string" } },
                "required": ["variant"],
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            declare,
        )
}

/// What came of an experiment until now.
async fn judged(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    row: Map<String, Value>,
) -> Result<(Judged, Verdict), ApiError> {
    let experiment: Judged = serde_json::from_value(Value::Object(row)).map_err(ApiError::defect)?;
    let verdict = experiment.verdict(tx, &caller.scope, id, api.clock.now()).await?;
    Ok((experiment, verdict))
}

async fn results(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let (_, results) = judged(&api, &mut tx, &caller, id, fields(&row)?).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": results })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declare {
    variant: String,
}

async fn declare(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Declare { variant }): Body<Declare>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let (experiment, results) = judged(&api, &mut tx, &caller, id, fields(&before)?).await?;
    if !["running", "paused"].contains(&experiment.status.as_str()) {
        let refused =
            ApiError::conflict("wrong_state", "only an experiment that runs or is paused has a winner");
        return Err(refused.with(json!({ "state": experiment.status })));
    }
    if !experiment.variants.iter().any(|known| known.key == variant) {
        return Err(ApiError::invalid("variant", "is none of the experiment's"));
    }
    if results.results.sample_ratio_mismatch {
        let detail = "the groups are not as large as their weights say; nothing can be concluded from them";
        return Err(ApiError::conflict("sample_ratio_mismatch", detail).with(json!({ "results": results })));
    }
    let now = api.clock.now();
    let change = set([
        ("status", json!("completed")),
        ("winner_key", json!(variant)),
        ("decision", json!({ "results": results })),
        ("decided_by", json!(caller.user())),
        ("decided_at", json!(now)),
        ("ended_at", json!(now)),
    ]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "decided", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
