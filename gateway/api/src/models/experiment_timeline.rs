//! `/v1/experiments/{id}/timeline`: how an experiment went over time.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use botbuilder_store::{experiments, models::ab_tests::TABLE, table::rows};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read},
    resource::act::{at, fields},
    routes::{Operation, Routes},
};

/// Up to so many hours an experiment is told by the hour, then by the day.
const HOURS: i64 = 72;

/// The routes of this resource.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::get(
            "/v1/experiments/{id}/timeline",
            read(Area::Experiment),
            "who was shown which variant, and who reached the goal, by the hour or the day",
        )
        .gives(json!({ "type": "object" })),
        timeline,
    )
}

async fn timeline(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let row = fields(&row)?;
    let instant = |name: &str| -> Option<DateTime<Utc>> { row.get(name)?.as_str()?.parse().ok() };
    let until = instant("ended_at").unwrap_or_else(|| api.clock.now());
    let by_hour = instant("started_at").is_none_or(|start| (until - start).num_hours() <= HOURS);
    let steps = experiments::timeline(&mut tx, &caller.scope, id, by_hour).await?;
    tx.commit().await?;
    let mut totals: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let steps = steps.into_iter().map(|step| {
        let (exposed, converted) = totals.entry(step.variant.clone()).or_default();
        *exposed += step.exposed;
        *converted += step.converted;
        json!({
            "since": step.since,
            "variant": step.variant,
            "exposed": step.exposed,
            "converted": step.converted,
            "exposed_so_far": exposed,
            "converted_so_far": converted,
        })
    });
    let steps: Vec<Value> = steps.collect();
    Ok(Json(json!({ "data": { "by": if by_hour { "hour" } else { "day" }, "steps": steps } })))
}
