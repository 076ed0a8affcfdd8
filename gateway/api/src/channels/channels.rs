//! `/v1/channels`.

use axum::{Json, extract::State};
use botbuilder_store::channels::channels;
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    permission::{Area, read},
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Routes::new()
        .add(Operation::get("/v1/channels", read(Area::Channel), "the organization's channels"), list)
        .add(
            Operation::get(
                "/v1/channels/types",
                read(Area::Channel),
                "kinds of channels, and what each shows",
            ),
            types,
        )
}

async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let channels = channels::list(&mut tx, &caller.scope).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": channels })))
}

/// What each kind of channel can show.
async fn types(State(api): State<Api>, _caller: Caller) -> Json<Value> {
    let types: Vec<Value> = api
        .capabilities
        .iter()
        .map(|(kind, capabilities)| json!({ "type": kind, "capabilities": capabilities }))
        .collect();
    Json(json!({ "data": types }))
}
