//! `/v1/experiments/{id}/results` and `declare-winner`: what came of an experiment.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use botbuilder_flow::experiment::{Counts, Goal, Results, Rules, Variant, judge};
use botbuilder_store::{Tx, experiments, models::ab_tests::TABLE, table::rows};
use chrono::{DateTime, Utc};
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

/// What an experiment's row says about how it is judged.
#[derive(Deserialize)]
struct Experiment {
    variants: Vec<Variant>,
    goal_kind: Goal,
    min_per_variant: u64,
    min_hours: u32,
    confidence: f64,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    status: String,
}

async fn judged(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    row: Map<String, Value>,
) -> Result<(Experiment, Results), ApiError> {
    let experiment: Experiment = serde_json::from_value(Value::Object(row)).map_err(ApiError::defect)?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let counted = experiments::counts(tx, &caller.scope, id).await?;
    let counts: BTreeMap<String, Counts> = counted
        .into_iter()
        .map(|row| {
            let counts = Counts {
                exposed: count(row.exposed),
                converted: count(row.converted),
                n: count(row.n),
                sum: row.sum,
                sum_sq: row.sum_sq,
            };
            (row.variant, counts)
        })
        .collect();
    let until = experiment.ended_at.unwrap_or_else(|| api.clock.now());
    let hours = experiment.started_at.map_or(0.0, |start| (until - start).as_seconds_f64() / 3_600.0);
    let rules = Rules {
        goal: experiment.goal_kind,
        confidence: experiment.confidence,
        min_per_variant: experiment.min_per_variant,
        min_hours: experiment.min_hours.into(),
    };
    let results = judge(&experiment.variants, &counts, rules, hours);
    Ok((experiment, results))
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
    if results.sample_ratio_mismatch {
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
