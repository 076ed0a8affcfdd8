//! What waits: the queues in the database, the partitions of the stream with how far each group is behind, the lanes of
//! conversations that were put aside, and the monthly partitions of tables.

use axum::{Json, extract::State};
use botbuilder_store::platform::{partitions, queues};
use botbuilder_stream::{PartitionLag, Stream, default_topics};
use serde_json::{Value, json};

use super::{Desk, Need};
use crate::{
    Api,
    error::ApiError,
    routes::{Operation, Routes},
};

/// The topics that are read, each with the group that reads it.
const READ: [(&str, &str); 5] = [
    ("inbound", "runtime"),
    ("outbound", "dispatcher"),
    ("questions", "executors"),
    ("inbound.dead", super::dead_letters::GROUP),
    ("outbound.dead", super::dead_letters::GROUP),
];

/// The routes of what waits.
pub(super) fn routes() -> Routes {
    let rows = || json!({ "type": "array", "items": { "type": "object" } });
    Routes::new()
        .add(
            Operation::get("/admin/v1/queues", Need::Staff, "how much waits in each queue of the database")
                .gives(rows()),
            list,
        )
        .add(
            Operation::get("/admin/v1/streams", Need::Staff, "how far each group of the stream is behind")
                .gives(rows()),
            streams,
        )
        .add(
            Operation::get("/admin/v1/lanes", Need::Staff, "conversations whose messages were put aside")
                .gives(rows()),
            lanes,
        )
        .add(
            Operation::get("/admin/v1/partitions", Need::Staff, "the monthly partitions and their archive")
                .gives(rows()),
            tables,
        )
}

async fn list(State(api): State<Api>, _: Desk) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = queues::list(&mut tx, api.clock.now()).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

/// The stream, where this process has one.
pub(super) fn stream(api: &Api) -> Result<&dyn Stream, ApiError> {
    api.stream.as_deref().ok_or(ApiError::NotAvailable("this process has no stream"))
}

async fn streams(State(api): State<Api>, _: Desk) -> Result<Json<Value>, ApiError> {
    let stream = stream(&api)?;
    let known = default_topics(1);
    let mut rows = Vec::new();
    for (topic, group) in READ {
        if !known.iter().any(|config| config.name == topic) {
            continue;
        }
        let lags = stream.lag(topic, group).await.map_err(ApiError::defect)?;
        let behind: u64 = lags.iter().map(PartitionLag::records).sum();
        let partitions: Vec<Value> = lags
            .iter()
            .map(|lag| {
                json!({ "partition": lag.partition, "first": lag.first, "committed": lag.committed, "end": lag.end,
                        "behind": lag.records() })
            })
            .collect();
        rows.push(json!({ "topic": topic, "group": group, "behind": behind, "partitions": partitions }));
    }
    Ok(Json(json!({ "data": rows })))
}

async fn lanes(State(api): State<Api>, _: Desk) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = queues::lanes(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}

async fn tables(State(api): State<Api>, _: Desk) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = partitions::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}
