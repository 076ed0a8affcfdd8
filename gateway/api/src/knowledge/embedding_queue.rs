//! `/v1/knowledge-bases/{id}/queue`: texts of a knowledge base that wait for an embedding.

use axum::{Json, extract::State};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    knowledge::{embedding_queue, knowledge_bases},
    table::rows,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, execute, read},
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/knowledge-bases/{id}/queue";

/// The routes of the queue.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(
                PATH,
                read(Area::Knowledge),
                "how many texts wait, by state, and what failed last",
            )
            .gives(json!({ "type": "object" })),
            counts,
        )
        .add(
            Operation::post(
                format!("{PATH}/retry-failed"),
                execute(Area::Knowledge),
                "tries again what failed for good",
            )
            .gives(shape::object(&[("queued", "integer")])),
            retry,
        )
}

async fn require_base(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<(), ApiError> {
    let there = rows::exists(tx, &caller.scope, &knowledge_bases::TABLE, id).await?;
    if there { Ok(()) } else { Err(ApiError::NotFound) }
}

async fn counts(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    require_base(&mut tx, &caller, id).await?;
    let queue = embedding_queue::of_base(&mut tx, &caller.scope, id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": queue })))
}

async fn retry(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    require_base(&mut tx, &caller, id).await?;
    let queued = embedding_queue::retry(&mut tx, &caller.scope, id, api.clock.now()).await?;
    let act = Act::new("embedding_queue.retried", "knowledge_bases", Some(id));
    caller.audit(&api, &mut tx, act.metadata(json!({ "queued": queued }))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "queued": queued } })))
}
