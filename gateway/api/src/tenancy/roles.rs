//! `/v1/roles`: the built-in ones.

use axum::{Json, extract::State};
use botbuilder_store::tenancy::roles;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    routes::{Access, Operation, Routes},
};

/// The routes of roles.
pub fn routes() -> Routes {
    Routes::new()
        .add(Operation::get("/v1/roles", Access::Caller, "the built-in roles, the highest first"), list)
        .add(Operation::get("/v1/roles/{id}", Access::Caller, "one of them"), get)
}

async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = roles::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let role = roles::get(&mut tx, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": role })))
}
