//! `/v1/usage`.

use axum::{Json, extract::State, http::request::Parts, response::Response};
use botbuilder_store::billing::usage_tracking::{self, TABLE};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    csv,
    error::ApiError,
    input::{query_pairs, unknown},
    permission::{Area, read},
    resource::Resource,
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let many = || json!({ "type": "array", "items": { "type": "object" } });
    let instant = || json!({ "type": "string", "format": "date-time" });
    let between = |operation: Operation| {
        operation
            .with_query("from", instant(), "the first instant; 30 days ago if nothing is said")
            .with_query("to", instant(), "the instant after the last; now if nothing is said")
    };
    let get = |path: &str, text: &str| Operation::get(path, read(Area::Usage), text).gives(many());
    Resource::new(&TABLE, "usage record", Area::Usage, "/v1/usage")
        .listable()
        .routes()
        .add(get("/v1/usage/summary", "each month against the plan"), summary)
        .add(
            between(get("/v1/usage/timeline", "each day")).with_query(
                "metric",
                json!({ "type": "string" }),
                "only this metric",
            ),
            timeline,
        )
        .add(between(get("/v1/usage/breakdown", "each bot and token")), breakdown)
        .add(
            between(Operation::get("/v1/usage/export", read(Area::Usage), "each day, as a table"))
                .with_query("metric", json!({ "type": "string" }), "only this metric")
                .produces("text/csv"),
            export,
        )
}

async fn export(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Response, ApiError> {
    let Asked { from, to, metric } = asked(&parts, api.clock.now(), Some("metric"))?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::timeline(&mut tx, &caller.scope, metric.as_deref(), from, to).await?;
    tx.commit().await?;
    Ok(csv::table("usage.csv", &["day", "metric", "quantity"], &rows))
}

async fn summary(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::summary(&mut tx, &caller.scope).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

/// What is asked for: from one instant up to another, at most a year later, and of which metric.
struct Asked {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    metric: Option<String>,
}

/// Reads what is asked for; `also` is the name of what may be asked beside the instants.
fn asked(parts: &Parts, now: DateTime<Utc>, also: Option<&str>) -> Result<Asked, ApiError> {
    let (mut from, mut to, mut metric) = (None, None, None);
    for (name, value) in query_pairs(parts) {
        let instant = || {
            let read = DateTime::parse_from_rfc3339(&value).map(|at| at.to_utc());
            read.map_err(|_| {
                ApiError::invalid(name.clone(), "must be an instant, such as 2026-01-31T00:00:00Z")
            })
        };
        match name.as_str() {
            "from" => from = Some(instant()?),
            "to" => to = Some(instant()?),
            known if Some(known) == also => metric = Some(value),
            other => {
                let known = unknown(other, ["from", "to"].into_iter().chain(also));
                return Err(ApiError::invalid(other.to_owned(), known));
            }
        }
    }
    let to = to.unwrap_or(now);
    let from = from.unwrap_or(to - TimeDelta::days(30));
    if from >= to || to - from > TimeDelta::days(366) {
        return Err(ApiError::invalid("from", "must lie before to, and at most a year"));
    }
    Ok(Asked { from, to, metric })
}

async fn timeline(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let Asked { from, to, metric } = asked(&parts, api.clock.now(), Some("metric"))?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::timeline(&mut tx, &caller.scope, metric.as_deref(), from, to).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

async fn breakdown(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let Asked { from, to, .. } = asked(&parts, api.clock.now(), None)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::breakdown(&mut tx, &caller.scope, from, to).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}
