//! `/v1/clones/{id}/stats`: what a clone learned from, and what became of what it wrote.

use axum::{Json, extract::State};
use botbuilder_store::clones::work_clones;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read},
    routes::{Operation, Routes},
};

/// The routes of this question.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::get(
            "/v1/clones/{id}/stats",
            read(Area::Clone),
            "samples by state, responses by what became of them, and how they were rated",
        )
        .gives(json!({ "type": "object" })),
        stats,
    )
}

async fn stats(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let stats = work_clones::stats(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": stats })))
}
