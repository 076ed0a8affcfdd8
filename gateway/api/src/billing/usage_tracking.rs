//! `/v1/usage`.

use axum::{Json, extract::State, http::request::Parts, response::Response};
use botbuilder_store::billing::usage_tracking::{self, TABLE};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    csv,
    error::ApiError,
    permission::{Area, read},
    resource::Resource,
    routes::{Operation, Routes},
    span::{Span, asked, within_span},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let many = || json!({ "type": "array", "items": { "type": "object" } });
    let get = |path: &str, text: &str| Operation::get(path, read(Area::Usage), text).gives(many());
    Resource::new(&TABLE, "usage record", Area::Usage, "/v1/usage")
        .listable()
        .routes()
        .add(get("/v1/usage/summary", "each month against the plan"), summary)
        .add(
            within_span(get("/v1/usage/timeline", "each day")).with_query(
                "metric",
                json!({ "type": "string" }),
                "only this metric",
            ),
            timeline,
        )
        .add(within_span(get("/v1/usage/breakdown", "each bot and token")), breakdown)
        .add(
            within_span(Operation::get("/v1/usage/export", read(Area::Usage), "each day, as a table"))
                .with_query("metric", json!({ "type": "string" }), "only this metric")
                .produces("text/csv"),
            export,
        )
}

async fn export(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Response, ApiError> {
    let (Span { from, to }, metric) = asked(&parts, api.clock.now(), Some("metric"))?;
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

async fn timeline(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (Span { from, to }, metric) = asked(&parts, api.clock.now(), Some("metric"))?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::timeline(&mut tx, &caller.scope, metric.as_deref(), from, to).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

async fn breakdown(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (Span { from, to }, _) = asked(&parts, api.clock.now(), None)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = usage_tracking::breakdown(&mut tx, &caller.scope, from, to).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}
